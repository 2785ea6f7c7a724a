-- The lake
-- Question:  Which Iceberg tables are there?
-- Grain:     a catalog: its tables are described in sql/flink/lake, and made by `tidemark lake migrate`
-- Key:       none
-- Watermark: none
CREATE CATALOG lake WITH (
    ${LAKE}
);
