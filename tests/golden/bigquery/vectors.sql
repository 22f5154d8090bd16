-- One feature vector per customer, for BigQuery: customer-features, definition 1.
-- grain: transaction; today: 2025-04-24; window: none; future: fault; returns: fault; timezone: UTC.
-- Read from `transactions`:
--   customer_id from `customer_id`, a text
--   transaction_id from `transaction_id`, a text
--   product_id from `product_id`, a text
--   date from `date`, a date
--   amount from `amount`, a double
-- Faulty rows are left out here; --faults prints the query that lists them.
-- TIMESTAMP is an instant in BigQuery; a DATETIME is taken as already local.
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    COLLATE(CAST(`customer_id` AS STRING), '') AS customer_id,
    COLLATE(CAST(`transaction_id` AS STRING), '') AS transaction_id,
    COLLATE(CAST(`product_id` AS STRING), '') AS product_id,
    `date` AS date_read,
    `amount` AS amount_read
  FROM `transactions`
),
-- Ids as text, days in the business timezone, amounts as numbers.
readings AS (
  SELECT
    customer_id,
    transaction_id,
    product_id,
    date_read,
    amount_read,
    (date_read IS NULL) AS date_missing,
    (amount_read IS NULL) AS amount_missing,
    CASE
      WHEN CAST(date_read AS DATE) BETWEEN CAST('0001-01-01' AS DATE) AND CAST('9999-12-31' AS DATE)
      THEN CAST(date_read AS DATE)
    END AS day,
    CAST(amount_read AS FLOAT64) AS number,
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
      THEN CAST(FLOOR(number * CAST(10000 AS FLOAT64) + CAST(0.5 AS FLOAT64)) AS INT64)
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
    CAST(NULL AS FLOAT64) AS lowest_loyalty,
    CAST(NULL AS FLOAT64) AS highest_loyalty,
    CAST(NULL AS STRING) AS loyalty_shown
  FROM (
    SELECT
      customer_id,
      CAST(COUNT(*) AS INT64) AS used,
      SUM(CAST(units AS BIGNUMERIC)) AS units,
      CAST(COUNT(*) AS INT64) AS visits,
      MAX(day) AS last_day,
      CAST(COUNT(DISTINCT product_id) AS INT64) AS products
    FROM counted
    GROUP BY
      customer_id
  ) AS c
)
-- The vectors: sums are exact, and each is rounded once, half up.
SELECT
  customer_id,
  CAST(DIV(((units + 50) - (MOD((MOD(units + 50, 100)) + 100, 100))), 100) AS FLOAT64) / CAST(100 AS FLOAT64) AS `purchase_total`,
  CAST(visits AS FLOAT64) AS `visit_frequency`,
  CAST(DIV((
    (2 * units + 100 * visits) - (MOD((MOD(2 * units + 100 * visits, 200 * visits)) + (200 * visits), 200 * visits))
  ), (200 * visits)) AS FLOAT64) / CAST(100 AS FLOAT64) AS `avg_ticket`,
  CAST(products AS FLOAT64) AS `product_diversity`,
  loyalty + CAST(0 AS FLOAT64) AS `loyalty_score`,
  CAST(DATE_DIFF(today, last_day, DAY) AS FLOAT64) AS `recency_days`
FROM (
  SELECT
    m.customer_id AS customer_id,
    CAST(m.units AS INT64) AS units,
    m.visits AS visits,
    m.products AS products,
    m.last_day AS last_day,
    COALESCE(m.lowest_loyalty, CAST(0 AS FLOAT64)) AS loyalty,
    CAST('2025-04-24' AS DATE) AS today
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
