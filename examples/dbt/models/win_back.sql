-- Whom to write to: customers who spent well once and stay away.
SELECT customer_id, purchase_total, recency_days
FROM {{ ref('customer_features') }}
WHERE recency_days > 60 AND avg_ticket >= 50
ORDER BY purchase_total DESC
