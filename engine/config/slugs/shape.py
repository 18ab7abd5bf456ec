"""Problems of the shape: values that the schemas of the files do not allow."""

from engine.config.slugs.entry import Slug

__all__ = ["SHAPE"]

SHAPE = {
    "bad-reference": Slug(
        "A text holds a `${` that is neither `${env:NAME}` nor `${file:/path}`.",
        'base_url: "${vault:openai}/v1"',
        "Name an environment variable or an absolute path.",
    ),
    "literal-secret": Slug(
        "A secret stands in the file itself, where a reference to it belongs. It is never printed.",
        "main: {secret: abc123}",
        'Write secret: "${env:NAME}", put the secret there, and revoke it if the file was committed.',
    ),
    "missing-key": Slug(
        "A mapping lacks a key that it must have.",
        'auth: {keys: {main: {secret: "${env:X}"}}}  # no scheme',
        "Write the key; the hint says what it is for.",
    ),
    "missing-secret": Slug(
        "A provider that requests can reach has no secret in the environment (only with `--require-secrets`).",
        'main: {secret: "${env:OPENAI_API_KEY}"}  # and the variable is not set',
        "Set the variable or write the file; or mark the provider `optional: true`.",
    ),
    "not-used-here": Slug(
        "A key has no effect beside the others that were chosen.",
        'auth: {scheme: none, keys: {main: {secret: "${env:X}"}}}',
        "Remove it, or choose what it belongs to.",
    ),
    "out-of-range": Slug(
        "A number is smaller or larger than it may be.",
        "retry: {attempts: 0}",
        "Choose one within the bounds that the message names.",
    ),
    "reference-not-allowed": Slug(
        "References are read in secrets, and in `base_url`, `headers` and `query` of providers; nowhere else.",
        'name: "${env:NAME}"',
        "Write the value itself.",
    ),
    "repeated-item": Slug(
        "A list whose items differ has one of them twice.",
        "providers: [openai, groq, openai]",
        "Keep one of them.",
    ),
    "too-long": Slug(
        "A text is longer than such a text can be.",
        "name: (200 letters)",
        "Shorten it.",
    ),
    "too-short": Slug(
        "A text, list or mapping is empty, or lacks a part that it needs.",
        "targets: []",
        "Put something into it, or remove the key.",
    ),
    "unknown-key": Slug(
        "A key that does not exist, here or at all. Keys of features that are not built yet do not exist.",
        "auth: {schme: bearer}",
        "Correct the spelling (the hint knows the nearest key), or remove it.",
    ),
    "unknown-value": Slug(
        "A word that is none of those that may stand here.",
        "strategy: randm",
        "Choose one of those that the message lists.",
    ),
    "wrong-form": Slug(
        "A text does not have the form that such a text has.",
        "base_url: api.openai.com",
        "Write it like the example in the message.",
    ),
    "wrong-type": Slug(
        "A value is of another kind than what belongs here: a list for a text, a text for a number.",
        "cost_center: 4711",
        "Write what the message expects; quotes make text, [ ] a list.",
    ),
    "wrong-unit": Slug(
        "A quantity lacks its unit, or has one that does not exist.",
        "timeouts: {connect: 3 sec}",
        "Write number and unit together, as in the example of the message.",
    ),
}
