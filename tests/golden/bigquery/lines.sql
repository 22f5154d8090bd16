-- One feature vector per customer, for BigQuery: customer-features, definition 1.
-- grain: line; today: CURRENT_DATE('America/Sao_Paulo'); window: 12 months; future: exclude; returns: net; timezone: America/Sao_Paulo.
-- Read from `shop`.`order_lines`:
--   customer_id from `customer_id`, a text
--   transaction_id from `transaction_id`, a text
--   product_id from `product_id`, a text
--   date from `date`, a date
--   amount from `price` * `quantity`, a decimal with 6 digits after the point
--   loyalty_score from `score`, a decimal with 2 digits after the point
-- Faulty rows are left out here; --faults prints the query that lists them.
-- TIMESTAMP is an instant in BigQuery; a DATETIME is taken as already local.
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    COLLATE(CAST(`customer_id` AS STRING), '') AS customer_id,
    COLLATE(CAST(`transaction_id` AS STRING), '') AS transaction_id,
    COLLATE(CAST(`product_id` AS STRING), '') AS product_id,
    `date` AS date_read,
    `price` * `quantity` AS amount_read,
    `score` AS loyalty_read
  FROM `shop`.`order_lines`
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
    loyalty_read,
    CASE
      WHEN COALESCE((CAST(loyalty_read AS FLOAT64)) BETWEEN 0 AND 1, FALSE)
      THEN CAST(loyalty_read AS FLOAT64)
    END AS loyalty,
    ((NOT loyalty_read IS NULL) AND NOT COALESCE((CAST(loyalty_read AS FLOAT64)) BETWEEN 0 AND 1, FALSE)) AS loyalty_faulty,
    CURRENT_DATE('America/Sao_Paulo') AS today
  FROM purchases
),
-- Rows that count: without a fault, and inside the dates.
counted AS (
  SELECT
    customer_id,
    transaction_id,
    product_id,
    day,
    number,
    CASE
      WHEN ABS(number) <= 100000000000
      THEN CAST(FLOOR(CAST(amount_read AS BIGNUMERIC) * 10000 + CAST('0.5' AS BIGNUMERIC)) AS INT64)
    END AS units,
    loyalty_read,
    loyalty,
    loyalty_faulty
  FROM readings
  WHERE
    NOT (customer_id IS NULL OR customer_id = '')
    AND NOT (transaction_id IS NULL OR transaction_id = '')
    AND NOT (product_id IS NULL OR product_id = '')
    AND NOT (date_missing)
    AND NOT (day IS NULL AND NOT date_missing)
    AND NOT (amount_missing)
    AND NOT (number IS NULL AND NOT amount_missing)
    AND NOT (NOT ABS(number) <= 100000000000)
    AND NOT (day > today OR day <= DATE_SUB(today, INTERVAL '12' MONTH))
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
    COALESCE(c.faulty_scores, 0) = 1 AS loyalty_faulty,
    c.least_loyalty AS lowest_loyalty,
    c.greatest_loyalty AS highest_loyalty,
    c.faulty_score AS loyalty_shown
  FROM (
    SELECT
      customer_id,
      CAST(COUNT(*) AS INT64) AS used,
      SUM(CAST(units AS BIGNUMERIC)) AS units,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN transaction_id END) AS INT64) AS visits,
      MAX(CASE WHEN number >= 0 THEN day END) AS last_day,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN product_id END) AS INT64) AS products,
      MAX(CASE WHEN loyalty_faulty THEN 1 ELSE 0 END) AS faulty_scores,
      MIN(loyalty) AS least_loyalty,
      MAX(loyalty) AS greatest_loyalty,
      MIN(CASE WHEN loyalty_faulty THEN CAST(loyalty_read AS STRING) END) AS faulty_score
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
    CURRENT_DATE('America/Sao_Paulo') AS today
  FROM (
    SELECT
      *
    FROM customers
    WHERE
      NOT COALESCE((loyalty_faulty), FALSE)
      AND NOT COALESCE((lowest_loyalty <> highest_loyalty), FALSE)
      AND NOT COALESCE((visits = 0), FALSE)
      AND NOT COALESCE((NOT units BETWEEN -900719925474099150 AND 900719925474099149), FALSE)
  ) AS m
) AS v
ORDER BY
  customer_id
