-- Alert rules
-- Question:  From which threshold on is there an alert, by type and coin, and since when?
-- Grain:     said with the table and the view
-- Key:       natural keys only
-- Watermark: none

-- One row per change of a rule. A threshold of null takes the rule back. Nothing is ever deleted: what happened earlier
-- is judged by what held then, also when it is read again. A symbol of * stands for all coins without a rule of their own.
CREATE TABLE alert_rules (
    alert_type text NOT NULL,
    symbol text NOT NULL,
    valid_from timestamptz(3) NOT NULL,
    threshold double precision CHECK (threshold > 0 AND threshold < 'Infinity'),
    PRIMARY KEY (alert_type, symbol, valid_from)
);

-- One row per type, symbol and time in which its threshold holds (epoch milliseconds, the end not included); null: that
-- of the settings. While a coin has no rule of its own, it has that of *. So * is for those coins only that never had
-- one: not for the others, which begin and end with a comma. The job alerts looks this up.
CREATE VIEW alert_rule_spans AS
WITH
named AS (
    SELECT
        alert_type,
        symbol
    FROM alert_rules
    GROUP BY alert_type, symbol
),

changes AS (
    SELECT
        named.alert_type,
        named.symbol,
        alert_rules.valid_from
    FROM named
    INNER JOIN alert_rules
        ON named.alert_type = alert_rules.alert_type AND alert_rules.symbol IN (named.symbol, '*')
    GROUP BY named.alert_type, named.symbol, alert_rules.valid_from
)

SELECT
    changes.alert_type,
    changes.symbol,
    round(extract(EPOCH FROM changes.valid_from) * 1000)::bigint AS valid_from,
    coalesce(
        round(extract(EPOCH FROM lead(changes.valid_from) OVER following) * 1000)::bigint, 9223372036854775807
    ) AS valid_to,
    coalesce(
        (
            SELECT own.threshold
            FROM alert_rules AS own
            WHERE
                own.alert_type = changes.alert_type
                AND own.symbol = changes.symbol
                AND own.valid_from <= changes.valid_from
            ORDER BY own.valid_from DESC
            LIMIT 1
        ),
        (
            SELECT general.threshold
            FROM alert_rules AS general
            WHERE
                general.alert_type = changes.alert_type
                AND general.symbol = '*'
                AND general.valid_from <= changes.valid_from
            ORDER BY general.valid_from DESC
            LIMIT 1
        )
    ) AS threshold,
    CASE
        WHEN changes.symbol = '*'
            THEN (
                SELECT concat(',', string_agg(named.symbol, ','), ',')
                FROM named
                WHERE named.alert_type = changes.alert_type AND named.symbol <> '*'
            )
        ELSE ''
    END AS others
FROM changes
WINDOW following AS (PARTITION BY changes.alert_type, changes.symbol ORDER BY changes.valid_from);
