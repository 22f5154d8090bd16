-- No feature leaves its range.
SELECT *
FROM {{ ref('customer_features') }}
WHERE "purchase_total" < 0
   OR "visit_frequency" < 1
   OR "avg_ticket" < 0
   OR "product_diversity" < 1
   OR "loyalty_score" < 0
   OR "loyalty_score" > 1
   OR "recency_days" < 0
