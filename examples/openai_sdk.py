"""An unchanged OpenAI SDK in front of the gateway.

make serve
OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=<the key it prints> python examples/openai_sdk.py
"""

from openai import OpenAI

client = OpenAI()

print([model.id for model in client.models.list()][:3])

reply = client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "hello"}])
print(reply.choices[0].message.content)

for chunk in client.chat.completions.create(
    model="demo", messages=[{"role": "user", "content": "hello again"}], stream=True
):
    print(chunk.choices[0].delta.content or "", end="")
print()

answer = client.chat.completions.with_raw_response.create(
    model="demo",
    messages=[{"role": "user", "content": "and once more"}],
    extra_headers={"x-sandbox-fault": "503 x1"},
)
print(answer.headers["x-engine-attempts"], "attempts at", answer.headers["x-engine-provider"])
