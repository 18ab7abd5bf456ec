from engine.rules.nearest import nearest


def test_the_nearest_names_come_first() -> None:
    """Misspelt, in another case, or without the organisation."""
    names = ["openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "x-ai/grok-3"]
    assert nearest("openai/gpt-4o-mni", names)[0] == "openai/gpt-4o-mini"
    assert nearest("GPT-4o", names)[0] == "openai/gpt-4o"
    assert nearest("grok-3", names) == ["x-ai/grok-3"]
    assert nearest("completely different", names) == []
    assert nearest("", names) == []


def test_five_thousand_names_are_searched_by_counting_first() -> None:
    """Only a few names are worth the quadratic comparison, however many there are."""
    names = [f"org-{n % 50}/model-{n}" for n in range(5000)]
    assert nearest("org-7/modell-4207", names)[0] == "org-7/model-4207"
