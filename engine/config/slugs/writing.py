"""Problems of the writing: what keeps a file from being read as YAML, or makes it mean something unexpected."""

from engine.config.slugs.entry import Slug

__all__ = ["WRITING"]

WRITING = {
    "anchor-cycle": Slug(
        "An alias stands inside the value that its own anchor names, so the value would have no end.",
        "x-all: &all [openai/*, *all]",
        "Write the value out, or give the inner part an anchor of its own.",
    ),
    "anchor-limit": Slug(
        "Aliases of aliases stand for more values than any configuration needs.",
        "x-b: &b [*a, *a]  # and so on, doubling with each line",
        "Write the values out.",
    ),
    "braces-unquoted": Slug(
        "Inside `{…}` or `[…]` an unquoted text ends where a bracket begins.",
        "match: {model: gpt-{4o,5}}",
        "Quote the pattern: {model: 'gpt-{4o,5}'}.",
    ),
    "byte-order-mark": Slug(
        "The file begins with a byte order mark, which some tools show as part of the first key.",
        "\\ufeffversion: 1",
        "Save the file as UTF-8 without BOM.",
    ),
    "colon-in-text": Slug(
        "A colon with a blank after it begins a value, also in the middle of a text.",
        "why: groq answers 400: unknown field",
        "Quote the whole text.",
    ),
    "comment-in-text": Slug(
        "A ` #` begins a comment, also inside the quotes of a condition that is not quoted as a whole.",
        "when: request.user == 'team #5'",
        "Quote the whole condition: when: \"request.user == 'team #5'\".",
    ),
    "control-character": Slug(
        "A character that cannot be printed stands in the file.",
        "name: a\\x07b",
        "Remove it; inside double quotes it can be written as an escape.",
    ),
    "duplicate-key": Slug(
        "One mapping has the same key twice; most readers of YAML would silently take the last.",
        "aliases:\n  gpt-4: openai/gpt-4o\n  gpt-4: openai/gpt-5",
        "Keep one of them.",
    ),
    "empty-value": Slug(
        "A key or list item has no value, or `null`; nothing is said by leaving a value out.",
        "fallback:",
        'Write a value ("" for empty text, [] or {} for nothing in it), or remove the key.',
    ),
    "file-name": Slug(
        "A file that looks like a part of the configuration is not read because of its name.",
        "providers.d/openai.yml",
        "Rename it so that it ends in `.yaml`.",
    ),
    "key-form": Slug(
        "A key is not plain text: it is empty, a list, a mapping or an alias, or it has a tag or an anchor.",
        "? [a, b]\n: c",
        "Write the key as text, in quotes if it begins with `*`, `[` or `{`.",
    ),
    "leaked-secret": Slug(
        "Something in the file, perhaps in a comment, looks like a vendor's secret key. It is never printed.",
        "# old key: sk-…",
        'Replace it by a reference such as "${env:NAME}", and revoke the key: whoever has the file has it.',
    ),
    "merge-key": Slug(
        "The merge key `<<` is not read: what it means depends on the reader.",
        "<<: *defaults",
        "Write the keys out, or repeat a whole value with an alias.",
    ),
    "not-a-mapping": Slug(
        "A configuration file holds `key: value` lines at its top, and this one holds something else.",
        "- openai\n- groq",
        "Put the value under the key that it belongs to.",
    ),
    "not-utf8": Slug(
        "The file is not encoded as UTF-8.",
        "name: caf\\xe9",
        "Save it as UTF-8.",
    ),
    "reference-unquoted": Slug(
        "Inside `{…}` or `[…]` an unquoted `${env:NAME}` ends at its own bracket.",
        "main: {secret: ${env:OPENAI_API_KEY}}",
        'Quote it: {secret: "${env:OPENAI_API_KEY}"}.',
    ),
    "second-document": Slug(
        "A `---` begins a second document, and only one is read from a file.",
        "version: 1\n---\nversion: 1",
        "Move the second one into a file of its own.",
    ),
    "star-unquoted": Slug(
        "Unquoted text that begins with `*` is read as an alias.",
        "to: [*@openrouter]",
        'Quote it: to: ["*@openrouter"].',
    ),
    "tab": Slug(
        "A tab stands where YAML wants spaces.",
        "defaults:\n\tdeadline: 10m",
        "Indent with spaces.",
    ),
    "tag": Slug(
        "Tags such as `!!str` are not read: quotes make text, bare digits a number.",
        "cost_center: !!str 4711",
        'Write cost_center: "4711".',
    ),
    "too-deep": Slug(
        "Values are nested deeper than any configuration needs.",
        "a: [[[[[[ … ]]]]]]",
        "Flatten them.",
    ),
    "too-large": Slug(
        "The file is larger than any that is read.",
        "(more than 8 MiB)",
        "Split it: `routes.d` and `policies` take any number of files.",
    ),
    "unknown-anchor": Slug(
        "An alias names an anchor that does not come before it.",
        "deny: [*secrets]",
        "Define the anchor earlier in the same file, or quote the text.",
    ),
    "yaml-syntax": Slug(
        "The file is not YAML from this place on; what follows is not checked until this is mended.",
        "targets: [openai/gpt-4o",
        "Close what is open, and check the indentation.",
    ),
}
