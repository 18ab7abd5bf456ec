from engine.expr.tree import Arithmetic, Compare, Constant, Name, Not, Operator, parts


def test_the_parts_of_a_tree_are_all_of_it_from_the_left() -> None:
    """Whoever looks for facts in a condition misses none, however deep it stands."""
    one, two, three = Name(4, "request.input_tokens"), Constant(27, 2), Name(31, "time.hour")
    product = Arithmetic(4, "*", one, two)
    compare = Compare(4, product, ((Operator.LT, three),))
    assert list(parts(Not(0, compare))) == [Not(0, compare), compare, product, one, two, three]
