-- Which offers were slowest to the first byte yesterday, among those with some traffic?
SELECT provider, model, attempts, ttfb_p50_ms, ttfb_p95_ms, ttfb_p99_ms
FROM provider_latency
WHERE day = current_date - 1 AND attempts >= 20
ORDER BY ttfb_p95_ms DESC
LIMIT 20
