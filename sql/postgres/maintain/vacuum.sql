-- Frozen, so that no later vacuum has to read it again; and with statistics.
VACUUM (FREEZE, ANALYZE) {partition};
