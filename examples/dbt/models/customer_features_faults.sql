{{ config(materialized="table") }}
-- Faulty rows, with all their faults, for DuckDB: customer-features, definition 1.
-- grain: transaction; today: CAST('{{ var("today") }}' AS DATE); window: none; future: fault; returns: fault; timezone: UTC.
-- Read from "purchases":
--   customer_id from "customer_id", a text
--   transaction_id from "order_id", a text
--   product_id from "sku", a text
--   date from "order_date", a text
--   amount from "total", a text
-- Amounts are read of plain numbers in text, with a decimal point. Where none tells that the mark in 1.250
-- is one, such amounts are faults.
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
-- The faulty rows.
SELECT
  fault,
  SUBSTRING(names, 2) AS faults,
  CASE fault
    WHEN 'missing_customer_id'
    THEN 'customer_id is missing: a non-empty string is required'
    WHEN 'missing_transaction_id'
    THEN 'transaction_id is missing: a non-empty string is required'
    WHEN 'missing_product_id'
    THEN 'product_id is missing: a non-empty string is required'
    WHEN 'missing_date'
    THEN 'date is missing: a date YYYY-MM-DD is required'
    WHEN 'unreadable_date'
    THEN 'date ''' || COALESCE(CAST(date_read AS TEXT), '') || ''' cannot be read: allowed are calendar days from 0001-01-01 to 9999-12-31, written YYYY-MM-DD'
    WHEN 'future_date'
    THEN 'date ' || COALESCE(CAST(date_read AS TEXT), '') || ' is after today: allowed are dates up to today, or the option future=exclude'
    WHEN 'missing_amount'
    THEN 'amount is missing: a number from 0 to 100000000000 is required'
    WHEN 'unreadable_amount'
    THEN 'amount ''' || COALESCE(CAST(amount_read AS TEXT), '') || ''' cannot be read: allowed is a number such as 520.55'
    WHEN 'amount_out_of_range'
    THEN 'amount ' || COALESCE(CAST(amount_read AS TEXT), '') || ' is out of range: allowed are finite numbers from 0 to 100000000000'
    WHEN 'negative_amount'
    THEN 'amount ' || COALESCE(CAST(amount_read AS TEXT), '') || ' is negative: allowed are 0 and more, or the option returns=net'
    WHEN 'loyalty_out_of_range'
    THEN 'loyalty_score ' || COALESCE(loyalty_shown, '') || ' is out of range: allowed is a number from 0 to 1, or nothing'
    WHEN 'conflicting_loyalty'
    THEN 'customer ' || COALESCE('''' || customer_id || '''', '') || ' has two different loyalty scores: allowed is one for each customer'
    WHEN 'total_out_of_range'
    THEN 'customer ' || COALESCE('''' || customer_id || '''', '') || ' has a total that passes 9007199254740991 cents, which a double no longer holds to the cent'
  END AS message,
  customer_id,
  transaction_id,
  date_read AS "date",
  amount_read AS "amount",
  product_id
FROM (
  SELECT
    w.customer_id AS customer_id,
    w.transaction_id AS transaction_id,
    w.product_id AS product_id,
    w.date_read AS date_read,
    w.amount_read AS amount_read,
    q.loyalty_shown AS loyalty_shown,
    COALESCE(own_first, q.customers_first) AS fault,
    own_all || COALESCE(q.customers_all, '') AS names
  FROM (
    SELECT
      r.*,
      CAST(CASE
        WHEN (customer_id IS NULL OR customer_id = '')
        THEN 'missing_customer_id'
        WHEN (transaction_id IS NULL OR transaction_id = '')
        THEN 'missing_transaction_id'
        WHEN (product_id IS NULL OR product_id = '')
        THEN 'missing_product_id'
        WHEN (date_missing)
        THEN 'missing_date'
        WHEN (day IS NULL AND NOT date_missing)
        THEN 'unreadable_date'
        WHEN (day > today)
        THEN 'future_date'
        WHEN (amount_missing)
        THEN 'missing_amount'
        WHEN (number IS NULL AND NOT amount_missing)
        THEN 'unreadable_amount'
        WHEN (NOT ABS(number) <= 100000000000)
        THEN 'amount_out_of_range'
        WHEN (number < 0)
        THEN 'negative_amount'
      END AS TEXT) AS own_first,
      CASE WHEN (customer_id IS NULL OR customer_id = '') THEN ',missing_customer_id' ELSE '' END || CASE WHEN (transaction_id IS NULL OR transaction_id = '') THEN ',missing_transaction_id' ELSE '' END || CASE WHEN (product_id IS NULL OR product_id = '') THEN ',missing_product_id' ELSE '' END || CASE WHEN (date_missing) THEN ',missing_date' ELSE '' END || CASE WHEN (day IS NULL AND NOT date_missing) THEN ',unreadable_date' ELSE '' END || CASE WHEN (day > today) THEN ',future_date' ELSE '' END || CASE WHEN (amount_missing) THEN ',missing_amount' ELSE '' END || CASE WHEN (number IS NULL AND NOT amount_missing) THEN ',unreadable_amount' ELSE '' END || CASE WHEN (NOT ABS(number) <= 100000000000) THEN ',amount_out_of_range' ELSE '' END || CASE WHEN (number < 0) THEN ',negative_amount' ELSE '' END AS own_all,
      FALSE AS outside
    FROM readings AS r
  ) AS w
  LEFT JOIN (
    SELECT
      customer_id,
      CAST(CASE
        WHEN (loyalty_faulty)
        THEN 'loyalty_out_of_range'
        WHEN (lowest_loyalty <> highest_loyalty)
        THEN 'conflicting_loyalty'
        WHEN (NOT units BETWEEN -900719925474099150 AND 900719925474099149)
        THEN 'total_out_of_range'
      END AS TEXT) AS customers_first,
      CASE WHEN (loyalty_faulty) THEN ',loyalty_out_of_range' ELSE '' END || CASE WHEN (lowest_loyalty <> highest_loyalty) THEN ',conflicting_loyalty' ELSE '' END || CASE
        WHEN (NOT units BETWEEN -900719925474099150 AND 900719925474099149)
        THEN ',total_out_of_range'
        ELSE ''
      END AS customers_all,
      loyalty_shown
    FROM customers
    WHERE
      (loyalty_faulty)
      OR (lowest_loyalty <> highest_loyalty)
      OR (NOT units BETWEEN -900719925474099150 AND 900719925474099149)
  ) AS q
    ON w.customer_id = q.customer_id AND NOT w.outside
) AS n
WHERE
  NOT fault IS NULL
ORDER BY
  fault,
  customer_id,
  transaction_id
