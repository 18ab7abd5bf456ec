-- Which rule, in which file and line, of which configuration, made the most cost this week?
SELECT
    rule_place,
    route,
    config_hash[:12] AS config,
    count(*) AS requests,
    sum(cost_usd) AS cost_usd
FROM requests
WHERE ts > now() - INTERVAL 7 DAYS
GROUP BY ALL
ORDER BY cost_usd DESC NULLS LAST
LIMIT 20
