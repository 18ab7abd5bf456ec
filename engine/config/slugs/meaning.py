"""Problems of the meaning: names, rules, prices, policies."""

from engine.config.slugs.entry import Slug

__all__ = ["MEANING"]

MEANING: dict[str, Slug] = {
    "alias-as-target": Slug(
        "A target names an alias. Aliases are for callers; targets name what is really there.",
        "aliases: {gpt-4: openai/gpt-4o}\nmodels: {small: {targets: [gpt-4]}}",
        "Write the name that the hint shows.",
    ),
    "alias-conflict": Slug(
        "One alias stands for two different models.",
        "models: {a/x: {aliases: [x]}, b/x: {aliases: [x]}}",
        "Keep the alias at one of them.",
    ),
    "alias-cycle": Slug(
        "Aliases lead back to themselves.",
        "aliases: {a: b, b: a}",
        "Let one of them name a model.",
    ),
    "bad-network": Slug(
        "A condition tests whether an address is within something that is no network.",
        "when: request.ip is within('10.0.0')",
        "Write an address and a prefix length, such as 10.0.0.0/8.",
    ),
    "bad-pattern": Slug(
        "A pattern of names cannot be read, or has not the one `*` that it needs here.",
        'match: {model: "openai/{gpt"}',
        "Close the bracket, or use a single `*`.",
    ),
    "bad-price": Slug(
        "A price is negative, or not a whole number of pico-dollars each.",
        "usd_per_mtok: {input: 0.0000001}",
        "Round it to six decimal places per million tokens.",
    ),
    "bad-regex": Slug(
        "A regular expression cannot be used: google-re2 has no look-around and no back-references.",
        "errors: [{body: '(?=a)', is: overloaded}]",
        "Write it without; matching searches anywhere in the text.",
    ),
    "denies-nothing": Slug(
        "A pattern under `deny` matches no model (a warning: it may be meant for the future).",
        'deny: ["deepsek/*"]',
        "Correct the spelling, or remove it.",
    ),
    "deprecated-target": Slug(
        "A target's model is deprecated at every provider that offers it (a warning).",
        "lifecycle: {deprecated: 2026-06-01}  # and a pool names the model",
        "Move to its successor before it is retired.",
    ),
    "disabled-provider": Slug(
        "`defaults.providers` names a provider that is disabled (a warning).",
        "disabled: contract ended  # and defaults.providers lists it",
        "Remove it from the order, or enable it.",
    ),
    "empty-grant": Slug(
        "`models: []` grants nothing (a warning).",
        "teams: {support: {models: []}}",
        "List names, or leave `models` out.",
    ),
    "engine-too-old": Slug(
        "The files require a newer engine than the one that reads them.",
        'requires: ">=9.0"',
        "Upgrade engine, or lower `requires`.",
    ),
    "expression-constant": Slug(
        "A part of a condition is the same for every request.",
        "when: request.stream or true",
        "Remove the part.",
    ),
    "expression-syntax": Slug(
        "A condition cannot be read.",
        "when: request.model = 'x'",
        "Follow the hint; text stands in quotes, and `==` compares.",
    ),
    "expression-type": Slug(
        "A condition uses a fact as something that it is not.",
        "when: request.model > 5",
        "Compare texts with texts and numbers with numbers.",
    ),
    "expression-unsupported": Slug(
        "A condition uses a part of Jinja2's grammar that conditions do not have.",
        "when: request.model | upper == 'X'",
        "Use comparisons, `and`, `or`, `not`, `in`, `is matching('…')` and `is within('…')`.",
    ),
    "grant-exceeds-team": Slug(
        "A consumer is granted a name that its team may not use.",
        "teams: {t: {models: [a]}}\nconsumers: {c: {team: t, models: [b]}}",
        "Grant it to the team as well, or not at all.",
    ),
    "grants-nothing": Slug(
        "A granted name does not exist, or a granted pattern matches none.",
        "teams: {support: {models: [suport]}}",
        "Correct the spelling.",
    ),
    "key-expired": Slug(
        "A key's last day is over (a warning).",
        "keys: {k: {sha256: …, expires: 2024-01-01}}",
        "Remove it; `engine keys new` makes another.",
    ),
    "key-twice": Slug(
        "Two entries hold the digest of the same key, so that nobody could say who calls.",
        "consumers: {a: {keys: {k: {sha256: X}}}, b: {keys: {k: {sha256: X}}}}",
        "Make a key for each use.",
    ),
    "messages-unspoken": Slug(
        "A dialect asks by Anthropic's Messages API in a cloud's wrapping, and the protocol is of no such cloud.",
        "protocol: openai\ndialect: {messages: true}",
        "Remove it; a provider that has the API beside its own says where under `paths.messages`.",
    ),
    "mixed-embeddings": Slug(
        "One chain has two different embedding models, whose vectors cannot be compared.",
        "targets: [openai/text-embedding-3-small, cohere/embed-v4]",
        "Give each a virtual model of its own.",
    ),
    "model-cycle": Slug(
        "Virtual models name one another in a circle.",
        "models: {a: {targets: [b]}, b: {targets: [a]}}",
        "Take one of the targets out.",
    ),
    "name-collision": Slug(
        "One name is two of virtual model, model, alias and pin.",
        "aliases: {small: openai/gpt-4o}\nmodels: {small: {targets: [openai/gpt-4o]}}",
        "Rename one of them.",
    ),
    "no-price-yet": Slug(
        "The first period of a price begins in the future (a warning): until then the model has none.",
        "price: [{from: 2099-01-01, usd_per_mtok: {input: 1}}]",
        "Add the period that holds today.",
    ),
    "no-root": Slug(
        "The configuration has no `routes.yaml`.",
        "engine validate --config ./an-empty-directory",
        "Write one with `version: 1`, or name the right directory.",
    ),
    "not-recorded": Slug(
        "A header or metadata key decides a route and is not recorded, so that it is always empty.",
        "when: headers['x-tier'] == 'gold'",
        "List it under `record` in policies.",
    ),
    "nothing-carried": Slug(
        "A target has a `*`, and the rule's patterns do not say what it stands for.",
        'match: {model: openai/gpt-4o}\nto: "openai/*@azure"',
        "Give every pattern of the rule exactly one `*`.",
    ),
    "nothing-left": Slug(
        "`deny` and `require` leave no offer of a name.",
        "require: {region: mars}",
        "Loosen them, or add a target that satisfies them.",
    ),
    "price-empty": Slug(
        "A price period names nothing that is paid: no tokens, requests, images, minutes, characters or searches.",
        "price: [{from: 2026-01-01}]",
        "Give one of the units; `price: free` says that nothing is paid.",
    ),
    "price-order": Slug(
        "Price periods do not rise by date.",
        "price: [{from: 2026-02-01, …}, {from: 2026-01-01, …}]",
        "Order them.",
    ),
    "price-overlap": Slug(
        "Two price periods begin on the same day.",
        "price: [{from: 2026-01-01, …}, {from: 2026-01-01, …}]",
        "Keep one.",
    ),
    "provider-id": Slug(
        "A provider's `id` is not the name of its file.",
        "# providers.d/openai.yaml\nid: open-ai",
        "Make them equal.",
    ),
    "responses-unspoken": Slug(
        "A dialect asks by OpenAI's Responses API, and the protocol has none beside its own.",
        "protocol: gemini\ndialect: {responses: true}",
        "Remove it; `protocol: openai-responses` speaks it throughout.",
    ),
    "retired-target": Slug(
        "A target's model is retired at every provider that offers it (a warning): requests skip it.",
        "lifecycle: {retired: 2026-01-01}  # and a pool names the model",
        "Name its successor.",
    ),
    "root-only": Slug(
        "A file other than `routes.yaml` sets what holds for the whole configuration.",
        "# routes.d/team.yaml\ndefaults: {deadline: 1m}",
        "Move it to `routes.yaml`.",
    ),
    "rule-twice": Slug(
        "Two rules have one name, which stands on each row of usage that they route.",
        "routes: [{name: a, …}, {name: a, …}]",
        "Give each its own.",
    ),
    "says-nothing": Slug(
        "The body of a template reads nothing that the caller asked.",
        'body: {model: "{{ upstream.model }}"}',
        "Read `request.messages`, `request.turns` or `request.prompt` in it.",
    ),
    "set-twice": Slug(
        "Two files set the same thing.",
        "# policies/a.yaml and policies/b.yaml\nprivacy: {default: {retention: 90d}}",
        "Keep it in one of them.",
    ),
    "tier-incomplete": Slug(
        "A price tier has no rate for the output, which its base has, or has no base: nobody knows what requests cost.",
        "usd_per_mtok: {input: 1, output: 2}, tiers: [{above_input_tokens: 200k, usd_per_mtok: {input: 2}}]",
        "Write all rates of the tier: they replace those of the base, and add nothing to them.",
    ),
    "tier-order": Slug(
        "Price tiers do not rise.",
        "tiers: [{above_input_tokens: 200k, …}, {above_input_tokens: 100k, …}]",
        "Order them by `above_input_tokens`.",
    ),
    "timeouts-contradict": Slug(
        "A provider's `total` is shorter than one of its phases.",
        "timeouts: {first_token: 60s, total: 30s}",
        "Raise `total`, or lower the phase.",
    ),
    "unknown-fact": Slug(
        "A condition, a template, or `sticky`, names a fact that does not exist there.",
        "when: request.modle == 'x'",
        "Correct the spelling; the hint names the nearest fact.",
    ),
    "unknown-model": Slug(
        "A name leads to nothing: no virtual model, alias, model or pin is called so.",
        "targets: [openai/gpt-4oo]",
        "Correct the spelling, or add the model to a provider.",
    ),
    "unknown-provider": Slug(
        "There is no file for a provider that is named.",
        "defaults: {providers: [openia]}",
        "Correct the spelling, or write the file.",
    ),
    "unknown-role": Slug(
        "A consumer holds a role that is neither shipped nor declared.",
        "roles: [develper]",
        "Correct the spelling, or declare it under `access.roles`.",
    ),
    "unknown-team": Slug(
        "A consumer belongs to a team that is not declared.",
        "team: suport",
        "Correct the spelling, or declare the team.",
    ),
    "unmatched-rule": Slug(
        "A rule's pattern matches no name. Rules see names after aliases, and never pins.",
        "match: {model: gpt-4}  # an alias",
        "Write the name that the hint shows, or remove the rule.",
    ),
    "unreachable-route": Slug(
        "An earlier rule takes every request that this one matches.",
        'routes: [{match: {model: "*"}, …}, {match: {model: small}, …}]',
        "Put the narrower rule first.",
    ),
    "unreachable-target": Slug(
        "A target is never tried: it was tried before, or is looked for where nobody offers it.",
        "targets: [openai/gpt-4o]\nfallback: [openai/gpt-4o]",
        "Remove it, or pin it to a provider.",
    ),
    "weight-unused": Slug(
        "A weight stands under a strategy that does not draw (a warning).",
        "strategy: ordered\ntargets: [{model: a, weight: 70}]",
        "Write `strategy: weighted`, or remove it.",
    ),
}
