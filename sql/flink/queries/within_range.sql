-- What of a query lies within the range of a batch run
-- Question:  Which rows are wanted, of all that are computed from what was read before and after the range too?
-- Grain:     that of the query
-- Key:       that of the query
-- Watermark: none
INSERT INTO ${SINK}
SELECT *
FROM (
    ${QUERY}
) AS computed (${COLUMNS})
WHERE ${TIME} >= ${WRITE_FROM} AND ${TIME} < ${WRITE_TO};
