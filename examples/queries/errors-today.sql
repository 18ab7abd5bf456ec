-- What goes wrong today, where, and for which share of attempts?
SELECT provider, model, error_kind, attempts, round(100 * share, 1) AS percent
FROM error_rates
WHERE day = (now() AT TIME ZONE 'UTC')::DATE
ORDER BY attempts DESC
