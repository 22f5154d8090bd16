{{ config(materialized="table") }}
-- One feature vector per customer, for DuckDB: customer-features, definition 1.
-- grain: transaction; today: CAST('{{ var("today") }}' AS DATE); window: none; future: fault; returns: fault; timezone: UTC.
-- Read from "purchases":
--   customer_id from "customer_id", a text
--   transaction_id from "order_id", a text
--   product_id from "sku", a text
--   date from "order_date", a text
--   amount from "total", a text
-- Amounts are read of plain numbers in text, with a decimal point. Where none tells that the mark in 1.250
-- is one, such amounts are faults.
-- Faulty rows are left out here; --faults prints the query that lists them.
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    CAST("customer_id" AS TEXT) COLLATE "C" AS customer_id,
    CAST("order_id" AS TEXT) COLLATE "C" AS transaction_id,
    CAST("sku" AS TEXT) COLLATE "C" AS product_id,
    CAST("order_date" AS TEXT) AS date_read,
    CAST("total" AS TEXT) AS amount_read,
    CAST("total" AS TEXT) AS t0
  FROM {{ ref('purchases') }}
),
-- What amounts in text tell of their decimal mark.
marks AS (
  SELECT
    SUM(
      CASE
        WHEN NOT t0 IS NULL
        AND REGEXP_MATCHES(
          t0,
          '^([^0-9]*([0-9]+[.]([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,})[.][0-9]{3}|[0-9]{1,3}(,[0-9]{3}){2,}|[0-9]{1,3}(,[0-9]{2,3})+[.][0-9]+)[^0-9]*)$'
        )
        THEN 1
        ELSE 0
      END
    ) AS points,
    SUM(
      CASE
        WHEN NOT t0 IS NULL
        AND REGEXP_MATCHES(
          t0,
          '^([^0-9]*([0-9]+,([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,}),[0-9]{3}|[0-9]{1,3}([.][0-9]{3}){2,}|[0-9]{1,3}([.][0-9]{3})+,[0-9]+)[^0-9]*)$'
        )
        THEN 1
        ELSE 0
      END
    ) AS commas
  FROM purchases
),
-- Ids as text, days in the business timezone, amounts as numbers.
readings AS (
  SELECT
    customer_id,
    transaction_id,
    product_id,
    date_read,
    amount_read,
    (date_read IS NULL OR date_read = '') AS date_missing,
    (amount_read IS NULL OR amount_read = '') AS amount_missing,
    CASE
      WHEN CASE
        WHEN REGEXP_MATCHES(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
        )
        THEN TRY_CAST(SUBSTRING(date_read, 1, 10) AS DATE)
        WHEN REGEXP_MATCHES(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)$'
        )
        AND TRY_CAST(SUBSTRING(date_read, 1, 10) AS DATE) >= CAST('0001-01-01' AS DATE)
        THEN CAST(TRY_CAST(SUBSTRING(date_read, 1, 10) || ' ' || SUBSTRING(date_read, 12, 5) || CASE WHEN SUBSTRING(date_read, 17, 1) = ':' THEN SUBSTRING(date_read, 17, 3) ELSE ':00' END || SUBSTRING(
          RPAD(
            REPLACE(REPLACE(REGEXP_REPLACE(SUBSTRING(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'),
            5,
            '0'
          ),
          1,
          3
        ) || ':' || SUBSTRING(
          RPAD(
            REPLACE(REPLACE(REGEXP_REPLACE(SUBSTRING(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'),
            5,
            '0'
          ),
          4,
          2
        ) AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
      END BETWEEN CAST('0001-01-01' AS DATE) AND CAST('9999-12-31' AS DATE)
      THEN CASE
        WHEN REGEXP_MATCHES(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
        )
        THEN TRY_CAST(SUBSTRING(date_read, 1, 10) AS DATE)
        WHEN REGEXP_MATCHES(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)$'
        )
        AND TRY_CAST(SUBSTRING(date_read, 1, 10) AS DATE) >= CAST('0001-01-01' AS DATE)
        THEN CAST(TRY_CAST(SUBSTRING(date_read, 1, 10) || ' ' || SUBSTRING(date_read, 12, 5) || CASE WHEN SUBSTRING(date_read, 17, 1) = ':' THEN SUBSTRING(date_read, 17, 3) ELSE ':00' END || SUBSTRING(
          RPAD(
            REPLACE(REPLACE(REGEXP_REPLACE(SUBSTRING(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'),
            5,
            '0'
          ),
          1,
          3
        ) || ':' || SUBSTRING(
          RPAD(
            REPLACE(REPLACE(REGEXP_REPLACE(SUBSTRING(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'),
            5,
            '0'
          ),
          4,
          2
        ) AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
      END
    END AS day,
    CASE
      WHEN NOT (
        (
          NOT t0 IS NULL
          AND REGEXP_MATCHES(t0, '^([^0-9]*([1-9][0-9]{0,2}[.][0-9]{3})[^0-9]*|[^0-9]*([1-9][0-9]{0,2},[0-9]{3})[^0-9]*)$')
        )
        AND NOT (
          (
            SELECT
              points - 20 * commas
            FROM marks
          ) > 0
        )
      )
      THEN CASE
        WHEN REGEXP_MATCHES(amount_read, '^[ \t\n\x0b\f\r]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[ \t\n\x0b\f\r]*$')
        THEN TRY_CAST(amount_read AS DOUBLE)
        WHEN REGEXP_MATCHES(amount_read, '^[ \t\n\x0b\f\r]*[+-]?[iI][nN][fF]([iI][nN][iI][tT][yY])?[ \t\n\x0b\f\r]*$')
        THEN CASE WHEN amount_read LIKE '%-%' THEN -CAST('Infinity' AS DOUBLE) ELSE CAST('Infinity' AS DOUBLE) END
        WHEN REGEXP_MATCHES(amount_read, '^[ \t\n\x0b\f\r]*[+-]?[nN][aA][nN][ \t\n\x0b\f\r]*$')
        THEN CAST('NaN' AS DOUBLE)
      END
    END AS number,
    CAST('{{ var("today") }}' AS DATE) AS today
  FROM purchases
),
-- Rows that count: without a fault.
counted AS (
  SELECT
    customer_id,
    transaction_id,
    product_id,
    day,
    number,
    CASE
      WHEN ABS(number) <= 100000000000
      THEN CAST(FLOOR(TRY(number) * CAST(10000 AS DOUBLE) + CAST(0.5 AS DOUBLE)) AS BIGINT)
    END AS units
  FROM readings
  WHERE
    NOT (customer_id IS NULL OR customer_id = '')
    AND NOT (transaction_id IS NULL OR transaction_id = '')
    AND NOT (product_id IS NULL OR product_id = '')
    AND NOT (date_missing)
    AND NOT (day IS NULL AND NOT date_missing)
    AND NOT (day > today)
    AND NOT (amount_missing)
    AND NOT (number IS NULL AND NOT amount_missing)
    AND NOT (NOT ABS(number) <= 100000000000)
    AND NOT (number < 0)
),
-- What is added up over each customer's rows.
customers AS (
  SELECT
    c.customer_id AS customer_id,
    c.used AS used,
    c.units AS units,
    c.visits AS visits,
    c.last_day AS last_day,
    c.products AS products,
    FALSE AS loyalty_faulty,
    CAST(NULL AS DOUBLE) AS lowest_loyalty,
    CAST(NULL AS DOUBLE) AS highest_loyalty,
    CAST(NULL AS TEXT) AS loyalty_shown
  FROM (
    SELECT
      customer_id,
      CAST(COUNT(*) AS BIGINT) AS used,
      SUM(units) AS units,
      CAST(COUNT(*) AS BIGINT) AS visits,
      MAX(day) AS last_day,
      CAST(COUNT(DISTINCT product_id) AS BIGINT) AS products
    FROM counted
    GROUP BY
      customer_id
  ) AS c
)
-- The vectors: sums are exact, and each is rounded once, half up.
SELECT
  customer_id,
  CAST(((units + 50) - ((((units + 50) % 100) + 100) % 100)) // 100 AS DOUBLE) / CAST(100 AS DOUBLE) AS "purchase_total",
  CAST(visits AS DOUBLE) AS "visit_frequency",
  CAST((
    (2 * units + 100 * visits) - ((((2 * units + 100 * visits) % (200 * visits)) + (200 * visits)) % (200 * visits))
  ) // (200 * visits) AS DOUBLE) / CAST(100 AS DOUBLE) AS "avg_ticket",
  CAST(products AS DOUBLE) AS "product_diversity",
  loyalty + CAST(0 AS DOUBLE) AS "loyalty_score",
  CAST(DATE_DIFF('day', last_day, today) AS DOUBLE) AS "recency_days"
FROM (
  SELECT
    m.customer_id AS customer_id,
    CAST(m.units AS BIGINT) AS units,
    m.visits AS visits,
    m.products AS products,
    m.last_day AS last_day,
    COALESCE(m.lowest_loyalty, CAST(0 AS DOUBLE)) AS loyalty,
    CAST('{{ var("today") }}' AS DATE) AS today
  FROM (
    SELECT
      *
    FROM customers
    WHERE
      NOT COALESCE((loyalty_faulty), FALSE)
      AND NOT COALESCE((lowest_loyalty <> highest_loyalty), FALSE)
      AND NOT COALESCE((NOT units BETWEEN -900719925474099150 AND 900719925474099149), FALSE)
  ) AS m
) AS v
ORDER BY
  customer_id
