-- One feature vector per customer, for ClickHouse: customer-features, definition 1.
-- grain: line; today: toInt32(toDate32(now(), 'America/Sao_Paulo')); window: 12 months; future: exclude; returns: net; timezone: America/Sao_Paulo.
-- Read from "shop"."order_lines":
--   customer_id from "customer_id", a text
--   transaction_id from "transaction_id", a text
--   product_id from "product_id", a text
--   date from "date", a date
--   amount from "price" * "quantity", a decimal with 6 digits after the point
--   loyalty_score from "score", a decimal with 2 digits after the point
-- Faulty rows are left out here; --faults prints the query that lists them.
-- A day is a whole number here: ClickHouse's dates end in 2299 and begin in 1900.
-- The fields, as they stand in the source.
WITH purchases AS (
  SELECT
    CAST("customer_id" AS Nullable(String)) AS customer_id,
    CAST("transaction_id" AS Nullable(String)) AS transaction_id,
    CAST("product_id" AS Nullable(String)) AS product_id,
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
    toInt32(date_read) AS day,
    toFloat64(toString(amount_read)) AS number,
    loyalty_read,
    CASE
      WHEN COALESCE((toFloat64(toString(loyalty_read))) BETWEEN 0 AND 1, FALSE)
      THEN toFloat64(toString(loyalty_read))
    END AS loyalty,
    (
      (
        NOT (
          loyalty_read IS NULL
        )
      )
      AND NOT COALESCE((toFloat64(toString(loyalty_read))) BETWEEN 0 AND 1, FALSE)
    ) AS loyalty_faulty,
    toInt32(toDate32(now(), 'America/Sao_Paulo')) AS today
  FROM purchases
),
-- Rows that count: without a fault, and inside the dates.
counted AS (
  SELECT
    assumeNotNull(customer_id) AS customer_id,
    assumeNotNull(transaction_id) AS transaction_id,
    assumeNotNull(product_id) AS product_id,
    assumeNotNull(day) AS day,
    assumeNotNull(number) AS number,
    assumeNotNull(
      CASE
        WHEN ABS(number) <= 100000000000
        THEN toInt64(FLOOR(toDecimal256(amount_read, 6) * toDecimal256(10000, 0) + toDecimal256('0.5', 1)))
      END
    ) AS units,
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
    AND NOT (
      day > today
      OR day <= CASE
        WHEN (toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) < 12
        THEN -719163
        ELSE toInt32(
          365 * (
            intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) - CASE
              WHEN ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) <= 2
              THEN 1
              ELSE 0
            END + 400
          ) + intDiv(
            (
              intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) - CASE
                WHEN ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) <= 2
                THEN 1
                ELSE 0
              END + 400
            ),
            4
          ) - intDiv(
            (
              intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) - CASE
                WHEN ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) <= 2
                THEN 1
                ELSE 0
              END + 400
            ),
            100
          ) + intDiv(
            (
              intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) - CASE
                WHEN ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) <= 2
                THEN 1
                ELSE 0
              END + 400
            ),
            400
          ) + (
            intDiv(
              153 * ((((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) + 9) % 12) + 2,
              5
            ) + least(
              toDayOfMonth(toDate32(today)),
              multiIf(
                ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) = 2,
                CASE
                  WHEN (
                    intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) % 4 = 0
                    AND (
                      intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) % 100 <> 0
                      OR intDiv((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12), 12) % 400 = 0
                    )
                  )
                  THEN 29
                  ELSE 28
                END,
                ((toYear(toDate32(today)) * 12 + toMonth(toDate32(today)) - 1 - 12) % 12 + 1) IN (4, 6, 9, 11),
                30,
                31
              )
            ) - 1
          ) - 865565
        )
      END
    )
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
      CAST(COUNT(*) AS Nullable(Int64)) AS used,
      SUM(CAST(units AS Nullable(Int128))) AS units,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN transaction_id END) AS Nullable(Int64)) AS visits,
      MAX(CASE WHEN number >= 0 THEN day END) AS last_day,
      CAST(COUNT(DISTINCT CASE WHEN number >= 0 THEN product_id END) AS Nullable(Int64)) AS products,
      MAX(CASE WHEN loyalty_faulty THEN 1 ELSE 0 END) AS faulty_scores,
      MIN(loyalty) AS least_loyalty,
      MAX(loyalty) AS greatest_loyalty,
      MIN(CASE WHEN loyalty_faulty THEN CAST(loyalty_read AS Nullable(String)) END) AS faulty_score
    FROM counted
    GROUP BY
      customer_id
  ) AS c
)
-- The vectors: sums are exact, and each is rounded once, half up.
SELECT
  customer_id,
  CAST(intDiv(((units + 50) - ((((units + 50) % 100) + 100) % 100)), 100) AS Nullable(Float64)) / CAST(100 AS Nullable(Float64)) AS "purchase_total",
  CAST(visits AS Nullable(Float64)) AS "visit_frequency",
  CAST(intDiv(
    (
      (2 * units + 100 * visits) - ((((2 * units + 100 * visits) % (200 * visits)) + (200 * visits)) % (200 * visits))
    ),
    (200 * visits)
  ) AS Nullable(Float64)) / CAST(100 AS Nullable(Float64)) AS "avg_ticket",
  CAST(products AS Nullable(Float64)) AS "product_diversity",
  loyalty + CAST(0 AS Nullable(Float64)) AS "loyalty_score",
  CAST((today - last_day) AS Nullable(Float64)) AS "recency_days"
FROM (
  SELECT
    m.customer_id AS customer_id,
    CAST(m.units AS Nullable(Int64)) AS units,
    m.visits AS visits,
    m.products AS products,
    m.last_day AS last_day,
    COALESCE(m.lowest_loyalty, CAST(0 AS Nullable(Float64))) AS loyalty,
    toInt32(toDate32(now(), 'America/Sao_Paulo')) AS today
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
SETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1, precise_float_parsing = 1, count_distinct_implementation = 'uniqExact'
