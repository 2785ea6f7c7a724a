-- A partition, and all rows of its time.
DROP TABLE {partition};
