-- The rows of a partition in the order of its key, without gaps, and its indexes anew.
CLUSTER {partition} USING {index};
