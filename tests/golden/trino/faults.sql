-- Faulty rows, with all their faults, for Trino: customer-features, definition 1.
-- grain: repeated_total; today: 2025-04-24; window: none; future: fault; returns: fault; timezone: UTC.
-- Read from "transactions":
--   customer_id from "customer_id", a text
--   transaction_id from "transaction_id", a text
--   product_id from "product_id", a text
--   date from "date", a text
--   amount from "amount", a double
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    CAST("customer_id" AS VARCHAR) AS customer_id,
    CAST("transaction_id" AS VARCHAR) AS transaction_id,
    CAST("product_id" AS VARCHAR) AS product_id,
    CAST("date" AS VARCHAR) AS date_read,
    "amount" AS amount_read
  FROM "transactions"
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
    (amount_read IS NULL) AS amount_missing,
    CASE
      WHEN CASE
        WHEN REGEXP_LIKE(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
        )
        THEN TRY_CAST(SUBSTR(date_read, 1, 10) AS DATE)
        WHEN REGEXP_LIKE(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)$'
        )
        AND TRY_CAST(SUBSTR(date_read, 1, 10) AS DATE) >= CAST('0001-01-01' AS DATE)
        THEN CAST(AT_TIMEZONE(
          TRY_CAST(SUBSTR(date_read, 1, 10) || ' ' || SUBSTR(date_read, 12, 5) || CASE WHEN SUBSTR(date_read, 17, 1) = ':' THEN SUBSTR(date_read, 17, 3) ELSE ':00' END || SUBSTR(
            RPAD(REPLACE(REPLACE(REGEXP_REPLACE(SUBSTR(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'), 5, '0'),
            1,
            3
          ) || ':' || SUBSTR(
            RPAD(REPLACE(REPLACE(REGEXP_REPLACE(SUBSTR(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'), 5, '0'),
            4,
            2
          ) AS TIMESTAMP WITH TIME ZONE),
          'UTC'
        ) AS DATE)
      END BETWEEN CAST('0001-01-01' AS DATE) AND CAST('9999-12-31' AS DATE)
      THEN CASE
        WHEN REGEXP_LIKE(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
        )
        THEN TRY_CAST(SUBSTR(date_read, 1, 10) AS DATE)
        WHEN REGEXP_LIKE(
          date_read,
          '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)$'
        )
        AND TRY_CAST(SUBSTR(date_read, 1, 10) AS DATE) >= CAST('0001-01-01' AS DATE)
        THEN CAST(AT_TIMEZONE(
          TRY_CAST(SUBSTR(date_read, 1, 10) || ' ' || SUBSTR(date_read, 12, 5) || CASE WHEN SUBSTR(date_read, 17, 1) = ':' THEN SUBSTR(date_read, 17, 3) ELSE ':00' END || SUBSTR(
            RPAD(REPLACE(REPLACE(REGEXP_REPLACE(SUBSTR(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'), 5, '0'),
            1,
            3
          ) || ':' || SUBSTR(
            RPAD(REPLACE(REPLACE(REGEXP_REPLACE(SUBSTR(date_read, 17), '^[:0-9.]* ?', ''), ':', ''), 'Z', '+00'), 5, '0'),
            4,
            2
          ) AS TIMESTAMP WITH TIME ZONE),
          'UTC'
        ) AS DATE)
      END
    END AS day,
    CAST(amount_read AS DOUBLE) AS number,
    CAST('2025-04-24' AS DATE) AS today
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
      THEN CAST(FLOOR(number * CAST(10000 AS DOUBLE) + CAST(0.5 AS DOUBLE)) AS BIGINT)
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
-- Each order once: its lines repeat the total.
orders AS (
  SELECT
    customer_id,
    transaction_id,
    COUNT(*) AS lines,
    MIN(units) AS lowest_units,
    MAX(units) AS highest_units,
    MAX(number) AS highest_number,
    MIN(day) AS first_day,
    MAX(day) AS last_day
  FROM counted
  GROUP BY
    customer_id,
    transaction_id
),
-- The products of orders whose lines agree.
products AS (
  SELECT
    c.customer_id AS customer_id,
    CAST(COUNT(DISTINCT c.product_id) AS BIGINT) AS products
  FROM counted AS c
  JOIN orders AS o
    ON c.customer_id = o.customer_id AND c.transaction_id = o.transaction_id
  WHERE
    NOT (o.lowest_units <> o.highest_units) AND NOT (o.first_day <> o.last_day)
  GROUP BY
    c.customer_id
),
-- What is added up over each customer's rows.
customers AS (
  SELECT
    c.customer_id AS customer_id,
    c.used AS used,
    c.units AS units,
    c.visits AS visits,
    c.last_day AS last_day,
    p.products AS products,
    FALSE AS loyalty_faulty,
    CAST(NULL AS DOUBLE) AS lowest_loyalty,
    CAST(NULL AS DOUBLE) AS highest_loyalty,
    CAST(NULL AS VARCHAR) AS loyalty_shown
  FROM (
    SELECT
      customer_id,
      CAST(SUM(lines) AS BIGINT) AS used,
      SUM(CAST(highest_units AS DECIMAL(38, 0))) AS units,
      CAST(COUNT(*) AS BIGINT) AS visits,
      MAX(last_day) AS last_day
    FROM orders
    WHERE
      NOT (lowest_units <> highest_units) AND NOT (first_day <> last_day)
    GROUP BY
      customer_id
  ) AS c
  JOIN products AS p
    ON c.customer_id = p.customer_id
)
-- The faulty rows.
SELECT
  fault,
  SUBSTR(names, 2) AS faults,
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
    THEN 'date ''' || COALESCE(CAST(date_read AS VARCHAR), '') || ''' cannot be read: allowed are calendar days from 0001-01-01 to 9999-12-31, written YYYY-MM-DD'
    WHEN 'future_date'
    THEN 'date ' || COALESCE(CAST(date_read AS VARCHAR), '') || ' is after today: allowed are dates up to today, or the option future=exclude'
    WHEN 'missing_amount'
    THEN 'amount is missing: a number from 0 to 100000000000 is required'
    WHEN 'unreadable_amount'
    THEN 'amount ''' || COALESCE(CAST(amount_read AS VARCHAR), '') || ''' cannot be read: allowed is a number such as 520.55'
    WHEN 'amount_out_of_range'
    THEN 'amount ' || COALESCE(CAST(amount_read AS VARCHAR), '') || ' is out of range: allowed are finite numbers from 0 to 100000000000'
    WHEN 'negative_amount'
    THEN 'amount ' || COALESCE(CAST(amount_read AS VARCHAR), '') || ' is negative: allowed are 0 and more, or the option returns=net'
    WHEN 'conflicting_order_total'
    THEN 'order ' || COALESCE('''' || transaction_id || '''', '') || ' has two different totals: with grain repeated_total every line of an order repeats the same total'
    WHEN 'conflicting_order_date'
    THEN 'order ' || COALESCE('''' || transaction_id || '''', '') || ' has two different dates: with grain repeated_total an order has one date'
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
    COALESCE(own_first, p.orders_first, q.customers_first) AS fault,
    own_all || COALESCE(p.orders_all, '') || COALESCE(q.customers_all, '') AS names
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
      END AS VARCHAR) AS own_first,
      CASE WHEN (customer_id IS NULL OR customer_id = '') THEN ',missing_customer_id' ELSE '' END || CASE WHEN (transaction_id IS NULL OR transaction_id = '') THEN ',missing_transaction_id' ELSE '' END || CASE WHEN (product_id IS NULL OR product_id = '') THEN ',missing_product_id' ELSE '' END || CASE WHEN (date_missing) THEN ',missing_date' ELSE '' END || CASE WHEN (day IS NULL AND NOT date_missing) THEN ',unreadable_date' ELSE '' END || CASE WHEN (day > today) THEN ',future_date' ELSE '' END || CASE WHEN (amount_missing) THEN ',missing_amount' ELSE '' END || CASE WHEN (number IS NULL AND NOT amount_missing) THEN ',unreadable_amount' ELSE '' END || CASE WHEN (NOT ABS(number) <= 100000000000) THEN ',amount_out_of_range' ELSE '' END || CASE WHEN (number < 0) THEN ',negative_amount' ELSE '' END AS own_all,
      FALSE AS outside
    FROM readings AS r
  ) AS w
  LEFT JOIN (
    SELECT
      customer_id,
      transaction_id,
      CAST(CASE
        WHEN (lowest_units <> highest_units)
        THEN 'conflicting_order_total'
        WHEN (first_day <> last_day)
        THEN 'conflicting_order_date'
      END AS VARCHAR) AS orders_first,
      CASE WHEN (lowest_units <> highest_units) THEN ',conflicting_order_total' ELSE '' END || CASE WHEN (first_day <> last_day) THEN ',conflicting_order_date' ELSE '' END AS orders_all
    FROM orders
    WHERE
      (lowest_units <> highest_units) OR (first_day <> last_day)
  ) AS p
    ON w.customer_id = p.customer_id AND w.transaction_id = p.transaction_id AND NOT w.outside
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
      END AS VARCHAR) AS customers_first,
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
