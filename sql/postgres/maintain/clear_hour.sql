-- The rows of an hour, before they are computed anew.
DELETE FROM {rollup}
WHERE hour_start = %(hour)s;
