-- The cost report: everything since an instant, by one of five subjects. `--by` and `--since` are its parameters.
WITH chosen AS (
    SELECT
        CASE $by
            WHEN 'team' THEN team
            WHEN 'model' THEN coalesce(resolved_model, requested_model)
            WHEN 'provider' THEN provider
            WHEN 'consumer' THEN consumer
            WHEN 'route' THEN route
        END AS subject,
        *
    FROM requests
    WHERE ts >= $since::TIMESTAMPTZ
)
SELECT
    coalesce(nullif(subject, ''), '(none)') AS subject,
    count(*) AS requests,
    count(*) FILTER (status >= 400) AS failed,
    coalesce(
        sum(
            input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0)
            + audio_input_tokens + image_input_tokens
        ),
        0
    )::BIGINT AS input_tokens,
    coalesce(sum(output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens), 0)::BIGINT
        AS output_tokens,
    count(*) FILTER (cost_problem IS NOT NULL) AS unpriced,
    coalesce(sum(cost_usd), 0) AS cost_usd
FROM chosen
GROUP BY ALL
ORDER BY cost_usd DESC, requests DESC, subject
