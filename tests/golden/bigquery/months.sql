-- One feature vector per customer, for BigQuery: customer-features, definition 1.
-- grain: repeated_total; today: 2025-01-31, 2025-02-28; window: 3 months; future: exclude; returns: fault; timezone: UTC.
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
    CAST('2025-02-28' AS DATE) AS today
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
      THEN CAST(FLOOR(number * CAST(10000 AS FLOAT64) + CAST(0.5 AS FLOAT64)) AS INT64)
    END AS units
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
    AND NOT (number < 0)
    AND NOT (NOT ((day <= CAST('2025-02-28' AS DATE) AND day > CAST('2024-10-31' AS DATE))))
),
-- Each customer's score, and whether it can be one.
loyalty_scores AS (
  SELECT
    customer_id,
    MAX(CASE WHEN loyalty_faulty THEN 1 ELSE 0 END) AS faulty_scores,
    MIN(loyalty) AS least_loyalty,
    MAX(loyalty) AS greatest_loyalty,
    MIN(CASE WHEN loyalty_faulty THEN CAST(loyalty_read AS STRING) END) AS faulty_score
  FROM (
    SELECT
      customer_id,
      loyalty_read,
      CASE
        WHEN COALESCE(((CAST(loyalty_read AS FLOAT64)) / CAST(500.0 AS FLOAT64)) BETWEEN 0 AND 1, FALSE)
        THEN (CAST(loyalty_read AS FLOAT64)) / CAST(500.0 AS FLOAT64)
      END AS loyalty,
      (
        (NOT loyalty_read IS NULL)
        AND NOT COALESCE(((CAST(loyalty_read AS FLOAT64)) / CAST(500.0 AS FLOAT64)) BETWEEN 0 AND 1, FALSE)
      ) AS loyalty_faulty
    FROM (
      SELECT
        COLLATE(CAST(`customer_id` AS STRING), '') AS customer_id,
        `points` AS loyalty_read
      FROM `members`
    ) AS r
  ) AS l
  GROUP BY
    customer_id
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
    CAST(COUNT(DISTINCT c.product_id) AS INT64) AS products
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
    COALESCE(s.faulty_scores, 0) = 1 AS loyalty_faulty,
    s.least_loyalty AS lowest_loyalty,
    s.greatest_loyalty AS highest_loyalty,
    s.faulty_score AS loyalty_shown
  FROM (
    SELECT
      customer_id,
      CAST(SUM(lines) AS INT64) AS used,
      SUM(CAST(highest_units AS BIGNUMERIC)) AS units,
      CAST(COUNT(*) AS INT64) AS visits,
      MAX(last_day) AS last_day
    FROM orders
    WHERE
      NOT (lowest_units <> highest_units) AND NOT (first_day <> last_day)
    GROUP BY
      customer_id
  ) AS c
  JOIN products AS p
    ON c.customer_id = p.customer_id
  LEFT JOIN loyalty_scores AS s
    ON c.customer_id = s.customer_id
),
-- The as-of dates, and the last day before the window of each.
dates AS (
  SELECT
    CAST('2025-01-31' AS DATE) AS as_of,
    CAST('2024-10-31' AS DATE) AS opens_after
  UNION ALL
  SELECT
    CAST('2025-02-28' AS DATE) AS as_of,
    CAST('2024-11-28' AS DATE) AS opens_after
),
-- The same at each as-of date, from the rows up to it.
at_dates AS (
  SELECT
    m.customer_id AS customer_id,
    m.as_of AS as_of,
    m.used AS used,
    m.units AS units,
    m.visits AS visits,
    m.last_day AS last_day,
    p.products AS products
  FROM (
    SELECT
      r.customer_id AS customer_id,
      d.as_of AS as_of,
      CAST(SUM(r.lines) AS INT64) AS used,
      SUM(CAST(r.highest_units AS BIGNUMERIC)) AS units,
      CAST(COUNT(*) AS INT64) AS visits,
      MAX(r.last_day) AS last_day
    FROM orders AS r
    CROSS JOIN dates AS d
    WHERE
      r.last_day <= d.as_of
      AND (d.opens_after IS NULL OR r.last_day > d.opens_after)
      AND NOT (r.lowest_units <> r.highest_units)
      AND NOT (r.first_day <> r.last_day)
    GROUP BY
      r.customer_id,
      d.as_of
  ) AS m
  JOIN (
    SELECT
      r.customer_id AS customer_id,
      d.as_of AS as_of,
      CAST(COUNT(DISTINCT r.product_id) AS INT64) AS products
    FROM counted AS r
    JOIN orders AS o
      ON r.customer_id = o.customer_id AND r.transaction_id = o.transaction_id
    CROSS JOIN dates AS d
    WHERE
      r.day <= d.as_of
      AND (d.opens_after IS NULL OR r.day > d.opens_after)
      AND NOT (o.lowest_units <> o.highest_units)
      AND NOT (o.first_day <> o.last_day)
    GROUP BY
      r.customer_id,
      d.as_of
  ) AS p
    ON m.customer_id = p.customer_id AND m.as_of = p.as_of
)
-- The vectors: sums are exact, and each is rounded once, half up.
SELECT
  customer_id,
  as_of AS as_of,
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
    t.customer_id AS customer_id,
    t.as_of AS as_of,
    CAST(t.units AS INT64) AS units,
    t.visits AS visits,
    t.products AS products,
    t.last_day AS last_day,
    COALESCE(m.lowest_loyalty, CAST(0 AS FLOAT64)) AS loyalty,
    t.as_of AS today
  FROM at_dates AS t
  JOIN (
    SELECT
      *
    FROM customers
    WHERE
      NOT COALESCE((loyalty_faulty), FALSE)
      AND NOT COALESCE((lowest_loyalty <> highest_loyalty), FALSE)
      AND NOT COALESCE((NOT units BETWEEN -900719925474099150 AND 900719925474099149), FALSE)
  ) AS m
    ON t.customer_id = m.customer_id
  WHERE
    t.visits > 0
) AS v
ORDER BY
  customer_id,
  as_of
