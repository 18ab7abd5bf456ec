-- Usage that is missing from every sum of cost, and why.
SELECT day, provider, model, cost_problem, requests, input_tokens, output_tokens
FROM unpriced
ORDER BY day DESC, requests DESC
