-- One request with everything that was tried for it. Put its x-request-id in the place of the text.
SELECT requests.ts, requested_model, route, rule_place, n, attempts.provider, reason, attempts.error_kind, attempts.total_ms
FROM requests
JOIN attempts USING (request_id)
WHERE request_id = 'the id'
ORDER BY n
