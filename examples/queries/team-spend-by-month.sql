-- What did each team spend, month by month?
SELECT date_trunc('month', day) AS month, team, sum(requests) AS requests, sum(cost_usd) AS cost_usd
FROM cost_by_team
GROUP BY ALL
ORDER BY month DESC, cost_usd DESC
