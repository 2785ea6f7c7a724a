-- The lake's catalog
-- Question:  Which Iceberg tables are there, and where is the newest description of each?
-- Grain:     said with each table
-- Key:       that of Iceberg's JDBC catalog
-- Watermark: none
-- Why:       Iceberg would make these tables itself (org.apache.iceberg.jdbc.JdbcUtil, schema V1), but then its role would
--            have to own them. tidemark_lake may do nothing but keep their rows, and sees no other table.

CREATE SCHEMA lake;
GRANT USAGE ON SCHEMA lake TO tidemark_lake, tidemark_reader;

-- One row per table. Iceberg's commits are updates of it.
CREATE TABLE lake.iceberg_tables (
    catalog_name varchar(255) NOT NULL,
    table_namespace varchar(255) NOT NULL,
    table_name varchar(255) NOT NULL,
    metadata_location varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type varchar(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);

-- One row per property of a namespace.
CREATE TABLE lake.iceberg_namespace_properties (
    catalog_name varchar(255) NOT NULL,
    namespace varchar(255) NOT NULL,
    property_key varchar(255) NOT NULL,
    property_value varchar(1000),
    PRIMARY KEY (catalog_name, namespace, property_key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON lake.iceberg_tables, lake.iceberg_namespace_properties TO tidemark_lake;
GRANT SELECT ON lake.iceberg_tables, lake.iceberg_namespace_properties TO tidemark_reader;
