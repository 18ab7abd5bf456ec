-- The reports of the catalog. Money is exact: whole pico-dollars, and US dollars to the twelfth decimal place.

CREATE VIEW daily_usage AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    team,
    coalesce(resolved_model, requested_model) AS model,
    provider,
    count(*) AS requests,
    count(*) FILTER (status >= 400) AS failed,
    coalesce(sum(input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0) + audio_input_tokens + image_input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(cost_pusd), 0)::DECIMAL(38, 0) AS cost_pusd,
    coalesce(sum(cost_pusd), 0)::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12) AS cost_usd,
    count(*) FILTER (cost_problem IS NOT NULL) AS unpriced,
    (SELECT as_of FROM publication) AS as_of
FROM requests
GROUP BY ALL;
COMMENT ON VIEW daily_usage IS 'Requests, tokens and cost by day, team, model and provider.';
COMMENT ON COLUMN daily_usage.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN daily_usage.team IS 'Team; empty for consumers without one.';
COMMENT ON COLUMN daily_usage.model IS 'Canonical model that answered, or the name asked for when none did.';
COMMENT ON COLUMN daily_usage.provider IS 'Provider that answered; NULL when none did.';
COMMENT ON COLUMN daily_usage.requests IS 'Requests that ended.';
COMMENT ON COLUMN daily_usage.failed IS 'Requests that ended with a status of 400 or more.';
COMMENT ON COLUMN daily_usage.input_tokens IS 'Input tokens of every kind.';
COMMENT ON COLUMN daily_usage.output_tokens IS 'Output tokens of every kind.';
COMMENT ON COLUMN daily_usage.cost_pusd IS 'Cost of the attempts that answered, pico-dollars (10^-12 USD); what is unpriced is not in it.';
COMMENT ON COLUMN daily_usage.cost_usd IS 'The same in US dollars, exact.';
COMMENT ON COLUMN daily_usage.unpriced IS 'Requests whose cost is not known and therefore missing from the sums.';
COMMENT ON COLUMN daily_usage.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW cost_by_team AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    team,
    cost_center,
    count(*) AS requests,
    count(*) FILTER (status >= 400) AS failed,
    coalesce(sum(input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0) + audio_input_tokens + image_input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(cost_pusd), 0)::DECIMAL(38, 0) AS cost_pusd,
    coalesce(sum(cost_pusd), 0)::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12) AS cost_usd,
    count(*) FILTER (cost_problem IS NOT NULL) AS unpriced,
    (SELECT as_of FROM publication) AS as_of
FROM requests
GROUP BY ALL;
COMMENT ON VIEW cost_by_team IS 'Cost by day and team.';
COMMENT ON COLUMN cost_by_team.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN cost_by_team.team IS 'Team; empty for consumers without one.';
COMMENT ON COLUMN cost_by_team.cost_center IS 'Cost center; empty when none is declared.';
COMMENT ON COLUMN cost_by_team.requests IS 'Requests that ended.';
COMMENT ON COLUMN cost_by_team.failed IS 'Requests that ended with a status of 400 or more.';
COMMENT ON COLUMN cost_by_team.input_tokens IS 'Input tokens of every kind.';
COMMENT ON COLUMN cost_by_team.output_tokens IS 'Output tokens of every kind.';
COMMENT ON COLUMN cost_by_team.cost_pusd IS 'Cost of the attempts that answered, pico-dollars (10^-12 USD); what is unpriced is not in it.';
COMMENT ON COLUMN cost_by_team.cost_usd IS 'The same in US dollars, exact.';
COMMENT ON COLUMN cost_by_team.unpriced IS 'Requests whose cost is not known and therefore missing from the sums.';
COMMENT ON COLUMN cost_by_team.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW cost_by_model AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    coalesce(resolved_model, requested_model) AS model,
    provider,
    count(*) AS requests,
    count(*) FILTER (status >= 400) AS failed,
    coalesce(sum(input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0) + audio_input_tokens + image_input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens), 0)::BIGINT AS output_tokens,
    coalesce(sum(cost_pusd), 0)::DECIMAL(38, 0) AS cost_pusd,
    coalesce(sum(cost_pusd), 0)::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12) AS cost_usd,
    count(*) FILTER (cost_problem IS NOT NULL) AS unpriced,
    (SELECT as_of FROM publication) AS as_of
FROM requests
GROUP BY ALL;
COMMENT ON VIEW cost_by_model IS 'Cost by day, model and provider.';
COMMENT ON COLUMN cost_by_model.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN cost_by_model.model IS 'Canonical model that answered, or the name asked for when none did.';
COMMENT ON COLUMN cost_by_model.provider IS 'Provider that answered; NULL when none did.';
COMMENT ON COLUMN cost_by_model.requests IS 'Requests that ended.';
COMMENT ON COLUMN cost_by_model.failed IS 'Requests that ended with a status of 400 or more.';
COMMENT ON COLUMN cost_by_model.input_tokens IS 'Input tokens of every kind.';
COMMENT ON COLUMN cost_by_model.output_tokens IS 'Output tokens of every kind.';
COMMENT ON COLUMN cost_by_model.cost_pusd IS 'Cost of the attempts that answered, pico-dollars (10^-12 USD); what is unpriced is not in it.';
COMMENT ON COLUMN cost_by_model.cost_usd IS 'The same in US dollars, exact.';
COMMENT ON COLUMN cost_by_model.unpriced IS 'Requests whose cost is not known and therefore missing from the sums.';
COMMENT ON COLUMN cost_by_model.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW provider_latency AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    provider,
    model,
    count(*) AS attempts,
    quantile_cont(ttfb_ms, 0.5) AS ttfb_p50_ms,
    quantile_cont(ttfb_ms, 0.95) AS ttfb_p95_ms,
    quantile_cont(ttfb_ms, 0.99) AS ttfb_p99_ms,
    quantile_cont(total_ms, 0.5) AS total_p50_ms,
    quantile_cont(total_ms, 0.95) AS total_p95_ms,
    quantile_cont(total_ms, 0.99) AS total_p99_ms,
    (SELECT as_of FROM publication) AS as_of
FROM attempts
WHERE error_kind IS NULL
GROUP BY ALL;
COMMENT ON VIEW provider_latency IS 'How fast providers answered, by day, provider and model; attempts that answered only.';
COMMENT ON COLUMN provider_latency.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN provider_latency.provider IS 'Provider asked.';
COMMENT ON COLUMN provider_latency.model IS 'Canonical model.';
COMMENT ON COLUMN provider_latency.attempts IS 'Attempts that answered.';
COMMENT ON COLUMN provider_latency.ttfb_p50_ms IS 'Milliseconds to the first byte, median.';
COMMENT ON COLUMN provider_latency.ttfb_p95_ms IS 'Milliseconds to the first byte, 95th percentile.';
COMMENT ON COLUMN provider_latency.ttfb_p99_ms IS 'Milliseconds to the first byte, 99th percentile.';
COMMENT ON COLUMN provider_latency.total_p50_ms IS 'Milliseconds to the end, median.';
COMMENT ON COLUMN provider_latency.total_p95_ms IS 'Milliseconds to the end, 95th percentile.';
COMMENT ON COLUMN provider_latency.total_p99_ms IS 'Milliseconds to the end, 99th percentile.';
COMMENT ON COLUMN provider_latency.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW error_rates AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    provider,
    model,
    error_kind,
    count(*) AS attempts,
    count(*) / sum(count(*)) OVER (PARTITION BY day, provider, model) AS share,
    (SELECT as_of FROM publication) AS as_of
FROM attempts
GROUP BY day, provider, model, error_kind
QUALIFY error_kind IS NOT NULL;
COMMENT ON VIEW error_rates IS 'How attempts failed, by day, provider, model and kind of error.';
COMMENT ON COLUMN error_rates.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN error_rates.provider IS 'Provider asked.';
COMMENT ON COLUMN error_rates.model IS 'Canonical model.';
COMMENT ON COLUMN error_rates.error_kind IS 'Word of the outcome table.';
COMMENT ON COLUMN error_rates.attempts IS 'Attempts that failed in that way.';
COMMENT ON COLUMN error_rates.share IS 'Share of all attempts of that day, provider and model, 0 to 1.';
COMMENT ON COLUMN error_rates.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW fallback_cost AS
WITH told AS (
    SELECT
        attempts.ts AS ts,
        requested_model,
        attempts.provider AS provider,
        role,
        attempts.cost_pusd AS cost_pusd,
        -- A stream that broke after its first words is an answer, if a bad one: the request has its provider and its cost.
        requests.provider IS NOT NULL AND n = max(n) OVER (PARTITION BY request_id) AS is_answer
    FROM attempts JOIN requests USING (request_id)
)
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    requested_model,
    provider,
    count(*) FILTER (is_answer) AS answered,
    count(*) FILTER (NOT is_answer) AS lost,
    coalesce(sum(cost_pusd) FILTER (is_answer), 0)::DECIMAL(38, 0) AS answered_cost_pusd,
    coalesce(sum(cost_pusd) FILTER (is_answer), 0)::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12) AS answered_cost_usd,
    coalesce(sum(cost_pusd) FILTER (NOT is_answer), 0)::DECIMAL(38, 0) AS lost_cost_pusd,
    coalesce(sum(cost_pusd) FILTER (NOT is_answer), 0)::DECIMAL(26, 0) * 0.000000000001::DECIMAL(12, 12) AS lost_cost_usd,
    (SELECT as_of FROM publication) AS as_of
FROM told
WHERE role <> 'first' OR NOT is_answer
GROUP BY ALL;
COMMENT ON VIEW fallback_cost IS 'What not being answered by the first offer costs, by day, name asked for and provider.';
COMMENT ON COLUMN fallback_cost.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN fallback_cost.requested_model IS 'The name that callers asked for.';
COMMENT ON COLUMN fallback_cost.provider IS 'Provider of the attempts.';
COMMENT ON COLUMN fallback_cost.answered IS 'Retries and fallbacks that answered.';
COMMENT ON COLUMN fallback_cost.lost IS 'Attempts whose answer no caller got.';
COMMENT ON COLUMN fallback_cost.answered_cost_pusd IS 'Cost of the retries and fallbacks that answered, pico-dollars (10^-12 USD).';
COMMENT ON COLUMN fallback_cost.answered_cost_usd IS 'The same in US dollars, exact.';
COMMENT ON COLUMN fallback_cost.lost_cost_pusd IS 'Cost of the attempts whose answer no caller got, pico-dollars (10^-12 USD); in no cost of a request.';
COMMENT ON COLUMN fallback_cost.lost_cost_usd IS 'The same in US dollars, exact.';
COMMENT ON COLUMN fallback_cost.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW unpriced AS
SELECT
    (ts AT TIME ZONE 'UTC')::DATE AS day,
    provider,
    coalesce(resolved_model, requested_model) AS model,
    cost_problem,
    count(*) AS requests,
    coalesce(sum(input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0) + audio_input_tokens + image_input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens + reasoning_tokens + audio_output_tokens + image_output_tokens), 0)::BIGINT AS output_tokens,
    (SELECT as_of FROM publication) AS as_of
FROM requests
WHERE cost_problem IS NOT NULL
GROUP BY ALL;
COMMENT ON VIEW unpriced IS 'Usage whose cost is not known, by day, provider, model and reason: none of it is in any sum of cost.';
COMMENT ON COLUMN unpriced.day IS 'Day of the requests, UTC.';
COMMENT ON COLUMN unpriced.provider IS 'Provider that answered; NULL when none did.';
COMMENT ON COLUMN unpriced.model IS 'Canonical model that answered, or the name asked for when none did.';
COMMENT ON COLUMN unpriced.cost_problem IS 'Why the cost is not known.';
COMMENT ON COLUMN unpriced.requests IS 'Requests that ended.';
COMMENT ON COLUMN unpriced.input_tokens IS 'Input tokens of every kind.';
COMMENT ON COLUMN unpriced.output_tokens IS 'Output tokens of every kind.';
COMMENT ON COLUMN unpriced.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW breaker_events AS
SELECT ts, node, event, subject, detail, (SELECT as_of FROM publication) AS as_of
FROM events
WHERE starts_with(event, 'breaker');
COMMENT ON VIEW breaker_events IS 'Breakers that opened, were tried or closed.';
COMMENT ON COLUMN breaker_events.ts IS 'When it happened, UTC.';
COMMENT ON COLUMN breaker_events.node IS 'Host it happened on.';
COMMENT ON COLUMN breaker_events.event IS 'What happened.';
COMMENT ON COLUMN breaker_events.subject IS 'Offer or provider it is about.';
COMMENT ON COLUMN breaker_events.detail IS 'More about it.';
COMMENT ON COLUMN breaker_events.as_of IS 'Instant up to which the journals were read, UTC.';

CREATE VIEW attempt_costs AS
WITH rated AS (
    -- Each kind of usage with its rate, or else its parent's, in the tier that the input reaches.
    SELECT
        request_id,
        n,
        ts,
        attempts.provider,
        attempts.model,
        attempts.price_id,
        cost_pusd,
        usage_source,
        rates.request_pusd,
        [
            {'count': input_tokens::HUGEINT, 'rate': rates.input_pusd_per_token},
            {'count': cached_input_tokens::HUGEINT, 'rate': coalesce(rates.cached_input_pusd_per_token, rates.input_pusd_per_token)},
            {'count': cache_write_tokens::HUGEINT, 'rate': coalesce(rates.cache_write_pusd_per_token, rates.input_pusd_per_token)},
            {'count': coalesce(cache_write_1h_tokens, 0)::HUGEINT, 'rate': coalesce(rates.cache_write_1h_pusd_per_token, rates.cache_write_pusd_per_token, rates.input_pusd_per_token)},
            {'count': audio_input_tokens::HUGEINT, 'rate': coalesce(rates.audio_input_pusd_per_token, rates.input_pusd_per_token)},
            {'count': image_input_tokens::HUGEINT, 'rate': coalesce(rates.image_input_pusd_per_token, rates.input_pusd_per_token)},
            {'count': output_tokens::HUGEINT, 'rate': rates.output_pusd_per_token},
            {'count': reasoning_tokens::HUGEINT, 'rate': coalesce(rates.reasoning_pusd_per_token, rates.output_pusd_per_token)},
            {'count': audio_output_tokens::HUGEINT, 'rate': coalesce(rates.audio_output_pusd_per_token, rates.output_pusd_per_token)},
            {'count': image_output_tokens::HUGEINT, 'rate': coalesce(rates.image_output_pusd_per_token, rates.output_pusd_per_token)}
        ] AS token_kinds,
        CASE WHEN images IS NULL THEN [] ELSE [
            {'count': images::HUGEINT, 'rate': rates.image_pusd, 'per': 1},
            {'count': audio_ms::HUGEINT, 'rate': rates.audio_minute_pusd, 'per': 60000},
            {'count': characters::HUGEINT, 'rate': rates.character_pusd, 'per': 1},
            {'count': search_units::HUGEINT, 'rate': rates.search_pusd, 'per': 1}
        ] END AS all_measures,
        list_filter(all_measures, lambda kind: kind.count IS DISTINCT FROM 0) AS measures
    FROM attempts
    JOIN prices AS rates ON rates.price_id = attempts.price_id
    WHERE rates.above_input_tokens = 0 OR input_tokens + cached_input_tokens + cache_write_tokens + coalesce(cache_write_1h_tokens, 0) + audio_input_tokens + image_input_tokens > rates.above_input_tokens
    QUALIFY row_number() OVER (PARTITION BY request_id, n ORDER BY rates.above_input_tokens DESC) = 1
), known AS (
    -- Tokens and measures may count the same, and the price says which is paid for: as pricing.py explains.
    SELECT
        *,
        list_filter(token_kinds, lambda kind: kind.count <> 0) AS tokens,
        usage_source = 'reported' AND len(tokens) > 0 AS in_tokens,
        list_bool_and(list_transform(measures, lambda kind: CASE WHEN kind.rate IS NULL THEN in_tokens ELSE kind.count IS NOT NULL END)) AS are_measures_known,
        list_bool_and(list_transform(tokens, lambda kind: kind.rate IS NOT NULL)) AS are_tokens_priced,
        list_bool_and(list_transform(token_kinds, lambda kind: kind.rate IS NULL)) AS has_no_rates,
        request_pusd IS NOT NULL OR len(list_filter(measures, lambda kind: kind.rate IS NOT NULL)) > 0 AS is_paid_otherwise,
        usage_source IS NOT NULL
            AND coalesce(are_measures_known, true)
            AND (coalesce(are_tokens_priced, true) OR (has_no_rates AND is_paid_otherwise)) AS is_known
    FROM rated
), paid AS (
    -- What *per* times as much of each kind costs.
    SELECT
        *,
        [{'pusd': coalesce(request_pusd, 0)::HUGEINT, 'per': 1}]
            || list_transform(list_filter(tokens, lambda kind: kind.rate IS NOT NULL), lambda kind: {'pusd': kind.count * kind.rate, 'per': 1})
            || list_transform(list_filter(measures, lambda kind: kind.rate IS NOT NULL), lambda kind: {'pusd': kind.count * kind.rate, 'per': kind.per})
            AS kinds,
        [
            {'part': 1::BIGINT, 'whole': 1::BIGINT},
            {'part': discount_denominator - discount_numerator, 'whole': discount_denominator}
        ] AS shares
    FROM known
    LEFT JOIN (SELECT provider, discount_numerator, discount_denominator FROM providers) USING (provider)
), summed AS (
    -- The list cost and what is charged, each kind of both rounded half to even, as pricing.py does.
    SELECT
        *,
        list_transform(shares, lambda share: list_sum(list_transform(
            list_transform(kinds, lambda kind: {'over': kind.pusd * share.part, 'under': kind.per * share.whole}),
            lambda kind: kind.over // kind.under
            + CASE
                WHEN 2 * (kind.over % kind.under) > kind.under OR (2 * (kind.over % kind.under) = kind.under AND kind.over // kind.under % 2 = 1) THEN 1
                ELSE 0
            END
        ))) AS costs_pusd
    FROM paid
)
SELECT
    request_id,
    n,
    ts,
    provider,
    model,
    price_id,
    CASE WHEN is_known THEN costs_pusd[1]::DECIMAL(38, 0) END AS list_cost_pusd,
    CASE WHEN is_known THEN costs_pusd[2]::DECIMAL(38, 0) END AS cost_today_pusd,
    cost_today_pusd - cost_pusd AS difference_pusd,
    (SELECT as_of FROM publication) AS as_of
FROM summed;
COMMENT ON VIEW attempt_costs IS 'Every attempt priced again from what was counted of it, with the prices and discounts of today; NULL where a kind has no price.';
COMMENT ON COLUMN attempt_costs.request_id IS 'The request of the attempt.';
COMMENT ON COLUMN attempt_costs.n IS 'Number of the attempt within its request, from 1.';
COMMENT ON COLUMN attempt_costs.ts IS 'Start of the request, UTC.';
COMMENT ON COLUMN attempt_costs.provider IS 'Provider asked.';
COMMENT ON COLUMN attempt_costs.model IS 'Canonical model.';
COMMENT ON COLUMN attempt_costs.price_id IS 'Price that the attempt was billed by; its rates are those declared last.';
COMMENT ON COLUMN attempt_costs.list_cost_pusd IS 'Cost at list price, pico-dollars (10^-12 USD).';
COMMENT ON COLUMN attempt_costs.cost_today_pusd IS 'Cost after the discount, rounded half to even once per kind, pico-dollars (10^-12 USD).';
COMMENT ON COLUMN attempt_costs.difference_pusd IS 'How much more that is than the recorded cost, pico-dollars (10^-12 USD).';
COMMENT ON COLUMN attempt_costs.as_of IS 'Instant up to which the journals were read, UTC.';
