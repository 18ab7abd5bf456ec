import subprocess
import sys
from urllib.request import Request, urlopen


def test_the_command_serves() -> None:
    """`engine sandbox --port 0` says where it listens and answers there."""
    command = [sys.executable, "-m", "engine", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            body = b'{"model": "instant", "messages": [{"role": "user", "content": "hello"}]}'
            with urlopen(Request(f"{url}/chat/completions", data=body), timeout=10) as answer:
                assert b"You said: hello" in answer.read()
        finally:
            process.terminate()
            process.wait(10)
