"""What a decision costs, for rising numbers of models and rules: `python tests/bench/bench_decide.py`.

Every model is offered by three providers, which is a long chain; the request names a listed model, a virtual model with
a weighted pool, or one that a rule matches. Beside it: the trace for the journal, and the plan of a request whose first
attempt answers. The figures should not grow with the configuration.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from timeit import repeat

from engine.config.build import build
from engine.config.bundle import Bundle
from engine.errors import OutcomeKind
from engine.rules.decide import decide
from engine.rules.decision import Decision
from engine.rules.nearest import nearest
from engine.rules.plan import AttemptPlan, Begin, Ended
from engine.rules.program import Caller, Offer, Program, Provider
from engine.rules.trace import trace
from engine.snapshot import assemble
from engine.values import Facts, Outcome

SIZES = ((5, 5), (500, 100), (5_000, 1_000))
CALLS = 5_000
ROUNDS = 5
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
OK = Ended(Outcome(kind=OutcomeKind.OK))


def files(models: int, rules: int) -> Iterator[tuple[str, str]]:
    """A configuration with so many models, each at three providers, and so many rules."""
    for name in ("one", "two", "three"):
        lines = [f"id: {name}", f"name: {name}", "protocol: openai", f"base_url: https://{name}.example/v1"]
        lines += ['auth: {scheme: bearer, keys: {main: {secret: "${env:KEY}"}}}', "models:"]
        lines += [
            f"  org/m{n}: {{upstream: m{n}, context: 8000, features: [streaming], price: free}}" for n in range(models)
        ]
        yield f"providers.d/{name}.yaml", "\n".join(lines) + "\n"
    routes = ["version: 1", "defaults: {providers: [one, two, three]}", "models:"]
    routes += ["  split: {targets: [{model: org/m0, weight: 9}, {model: org/m1, weight: 1}], strategy: weighted}"]
    routes += ["  ruled: {targets: [org/m1]}", "routes:"]
    routes += [
        f"  - {{name: r{n}, match: {{model: org/m{n % models}, when: request.user == 'u{n}'}}, to: org/m2}}"
        for n in range(rules)
    ]
    routes += ["  - {name: last, match: {model: ruled, when: request.input_tokens > 10}, to: org/m3}"]
    yield "routes.yaml", "\n".join(routes) + "\n"


def program(models: int, rules: int) -> Program:
    """The program of such a configuration."""
    built = build(Bundle({name: text.encode() for name, text in sorted(files(models, rules))}))
    if built.parts is None:
        raise SystemExit("\n".join(f"{problem.place}: {problem.message}" for problem in built.problems[:5]))
    return assemble(built.parts).program


def microseconds(call: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds for one call, the best of some rounds."""
    return min(repeat(call, number=calls, repeat=ROUNDS)) / calls * 1e6


def decided(of: Program, model: str) -> Decision:
    """The decision for a request of 100 tokens."""
    return decide(of, CALLER, Facts(model=model, at=AT, input_tokens=100), LIVE, 1.0, 0.5, lambda _: False)


def planned(decision: Decision) -> None:
    """A request whose first attempt answers."""
    plan = AttemptPlan(decision, started_s=1.0)
    plan.step(Begin(), 1.0, LIVE)
    plan.step(OK, 2.0, LIVE)


class Healthy:
    """A world in which all is well, and which costs next to nothing to ask."""

    epoch = 0

    def is_calm(self, offer: Offer, now_s: float) -> bool:
        return True

    def configured(self, provider: Provider) -> bool:
        """It is."""
        return True

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        """Now."""
        return 0.0

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        """It does not."""
        return 0.0

    def full_until_s(self, offer: Offer, now_s: float) -> float:
        """Now."""
        return 0.0

    def expected_output_tokens(self, offer: Offer) -> float | None:
        """Unknown."""
        return None

    def turn(self, pool: str) -> int:
        """The first."""
        return 0

    def may_retry(self, now_s: float) -> bool:
        """Always."""
        return True


CALLER = Caller(id="anyone")
LIVE = Healthy()

if __name__ == "__main__":
    for count, rules in SIZES:
        made = program(count, rules)
        for model in ("org/m4", "split", "ruled"):
            cost_us = microseconds(lambda made=made, model=model: decided(made, model))  # type: ignore[misc] # bound now
            sys.stdout.write(f"decide {model:<7} among {count:>5} models, {rules:>5} rules  {cost_us:6.2f} us\n")
    plain = decided(made, "org/m4")
    sys.stdout.write(f"trace of a plain decision                   {microseconds(lambda: trace(plain)):6.2f} us\n")
    sys.stdout.write(f"plan that ends with the first attempt       {microseconds(lambda: planned(plain)):6.2f} us\n")
    names = list(made.offers)
    near_us = microseconds(lambda: nearest("org/n42", names), 20)
    sys.stdout.write(f"nearest of {len(names)} names                      {near_us:7.0f} us\n")
