from collections.abc import Callable

from engine.config.build import Built

Build = Callable[..., Built]


def test_rules_come_in_the_order_of_files(built: Build) -> None:
    """Rules of routes.yaml first, then those of routes.d by file name; each knows its own file."""
    rule = "routes: [{name: %s, match: {model: openai/gpt-4o, when: 'request.max_tokens > %d'}, to: support}]\n"
    result = built({"routes.d/b.yaml": rule % ("second", 2), "routes.d/a.yaml": rule % ("first", 1)})
    assert result.parts is not None
    assert [(rule.index, rule.name, rule.place.file) for rule in result.parts.root.rules] == [
        (0, "long-support", "routes.yaml"),
        (1, "first", "routes.d/a.yaml"),
        (2, "second", "routes.d/b.yaml"),
    ]


def test_free_keys_mean_nothing(built: Build) -> None:
    """Keys that begin with x- are anchors' homes in every file, and change no hash."""
    result = built({"routes.d/a.yaml": "x-a: &a [1]\n", "policies/a.yaml": "x-a: [2]\n"})
    assert result.problems == ()
    assert result.config_hash == built().config_hash


def test_sections_of_policies_are_joined(built: Build) -> None:
    """Keys of access, record and roles may come from several files."""
    result = built(
        {
            "policies/a.yaml": "access: {roles: {auditor: [sql.query]}}\nrecord: {headers: [x-a]}\n",
            "policies/b.yaml": "access: {anonymous: deny, roles: {reader: [config.read]}}\nrecord: {tags: [project]}\n",
            "policies/c.yaml": "consumers: {x: {roles: [auditor, reader]}}\n",
        }
    )
    assert result.problems == ()
    assert result.parts is not None
    assert result.parts.root.recording.headers == {"x-a"}
    assert result.parts.root.recording.tags == {"project"}


def test_a_list_in_two_files_is_set_twice(built: Build) -> None:
    """Lists whose order is meaning live in one file, and both places are shown."""
    result = built({f"policies/{name}.yaml": "record: {headers: [x-a]}\n" for name in "ab"})
    assert [(p.slug, str(p.place), str(p.related[0][1])) for p in result.problems] == [
        ("set-twice", "policies/b.yaml:1:10", "policies/a.yaml:1:10")
    ]
