-- What of a query lies within the range of a batch run
-- Question:  Which rows are wanted, of all that are computed from what was read before and after the range too?
-- Grain:     that of the query
-- Key:       that of the query
-- Watermark: none
-- Why:       {sink}, {query}, {columns} and {time}, the column that decides, are those of the INSERT that it is put around
INSERT INTO {sink}
SELECT *
FROM (
    {query}
) AS computed ({columns})
WHERE {time} >= ${WRITE_FROM} AND {time} < ${WRITE_TO};
