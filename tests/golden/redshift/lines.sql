-- One feature vector per customer, for Amazon Redshift: customer-features, definition 1.
-- grain: line; today: CAST(CONVERT_TIMEZONE('America/Sao_Paulo', GETDATE()) AS DATE); window: 12 months; future: exclude; returns: net; timezone: America/Sao_Paulo.
-- Read from "shop"."order_lines":
--   customer_id from "customer_id", a text
--   transaction_id from "transaction_id", a text
--   product_id from "product_id", a text
--   date from "date", a date
--   amount from "price" * "quantity", a decimal with 6 digits after the point
--   loyalty_score from "score", a decimal with 2 digits after the point
-- Faulty rows are left out here; --faults prints the query that lists them.
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    COLLATE(CAST("customer_id" AS VARCHAR(65535)), 'case_sensitive') AS customer_id,
    COLLATE(CAST("transaction_id" AS VARCHAR(65535)), 'case_sensitive') AS transaction_id,
    COLLATE(CAST("product_id" AS VARCHAR(65535)), 'case_sensitive') AS product_id,
    "date" AS date_read,
    "price" * "quantity" AS amount_read,
    "score" AS loyalty_read
  FROM "shop"."order_lines"
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
    CAST(amount_read AS DOUBLE PRECISION) AS number,
    loyalty_read,
    CASE
      WHEN COALESCE((CAST(loyalty_read AS DOUBLE PRECISION)) BETWEEN 0 AND 1, FALSE)
      THEN CAST(loyalty_read AS DOUBLE PRECISION)
    END AS loyalty,
    (
      (NOT loyalty_read IS NULL)
      AND NOT COALESCE((CAST(loyalty_read AS DOUBLE PRECISION)) BETWEEN 0 AND 1, FALSE)
    ) AS loyalty_faulty,
    CAST(CONVERT_TIMEZONE('UTC', 'America/Sao_Paulo', GETDATE()) AS DATE) AS today
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
      THEN CAST(FLOOR(CAST(amount_read AS DECIMAL(24, 6)) * CAST(10000 AS DECIMAL(5, 0)) + 0.5) AS BIGINT)
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
    AND NOT (day > today OR day <= CAST(DATEADD(MONTH, -12, today) AS DATE))
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
      CAST(COUNT(*) AS BIGINT) AS used,
      SUM(CAST(units AS DECIMAL(38, 0))) AS units,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN transaction_id END) AS BIGINT) AS visits,
      MAX(CASE WHEN number >= 0 THEN day END) AS last_day,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN product_id END) AS BIGINT) AS products,
      MAX(CASE WHEN loyalty_faulty THEN 1 ELSE 0 END) AS faulty_scores,
      MIN(loyalty) AS least_loyalty,
      MAX(loyalty) AS greatest_loyalty,
      MIN(CASE WHEN loyalty_faulty THEN CAST(loyalty_read AS VARCHAR(65535)) END) AS faulty_score
    FROM counted
    GROUP BY
      customer_id
  ) AS c
)
-- The vectors: sums are exact, and each is rounded once, half up.
SELECT
  customer_id,
  CAST(((units + 50) - ((((units + 50) % 100) + 100) % 100)) / 100 AS DOUBLE PRECISION) / CAST(100 AS DOUBLE PRECISION) AS "purchase_total",
  CAST(visits AS DOUBLE PRECISION) AS "visit_frequency",
  CAST((
    (2 * units + 100 * visits) - ((((2 * units + 100 * visits) % (200 * visits)) + (200 * visits)) % (200 * visits))
  ) / (200 * visits) AS DOUBLE PRECISION) / CAST(100 AS DOUBLE PRECISION) AS "avg_ticket",
  CAST(products AS DOUBLE PRECISION) AS "product_diversity",
  loyalty + CAST(0 AS DOUBLE PRECISION) AS "loyalty_score",
  CAST(DATEDIFF(DAY, last_day, today) AS DOUBLE PRECISION) AS "recency_days"
FROM (
  SELECT
    m.customer_id AS customer_id,
    CAST(m.units AS BIGINT) AS units,
    m.visits AS visits,
    m.products AS products,
    m.last_day AS last_day,
    COALESCE(m.lowest_loyalty, CAST(0 AS DOUBLE PRECISION)) AS loyalty,
    CAST(CONVERT_TIMEZONE('UTC', 'America/Sao_Paulo', GETDATE()) AS DATE) AS today
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
