import pytest

from engine.wire.bedrock.paths import converse_path, invoke_path

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0"


@pytest.mark.parametrize(
    ("model", "quoted"),
    [
        ("anthropic.claude-v2", "anthropic.claude-v2"),
        ("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1%3A0"),
        (
            PROFILE,
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-micro-v1%3A0",
        ),
        ("../x?y#z", "..%2Fx%3Fy%23z"),
    ],
)
def test_the_model_stands_in_the_path(model: str, quoted: str) -> None:
    """Ids and ARNs are one quoted segment, so no name reaches another path."""
    assert converse_path(model, stream=False) == f"/model/{quoted}/converse"
    assert converse_path(model, stream=True) == f"/model/{quoted}/converse-stream"
    assert invoke_path(model, stream=False) == f"/model/{quoted}/invoke"
    assert invoke_path(model, stream=True) == f"/model/{quoted}/invoke-with-response-stream"
