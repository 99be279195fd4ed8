"""Containers: field names compare without regard to case, keep their case and their repeats (RFC 9110 §5.1-5.3)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit.structures import CaseInsensitiveDict, LookupDict, from_key_val_list, to_key_val_list

Names = st.text("abAB-", min_size=1, max_size=3)
Values = st.text("xyz ,", max_size=4)
Operations = st.lists(st.tuples(st.sampled_from(["set", "add", "del"]), Names, Values), max_size=12)


class TestCaseInsensitiveDict:
    @pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE", "cOnTeNt-tYpE"])
    def test_names_compare_without_regard_to_case(self, name: str) -> None:
        fields = CaseInsensitiveDict({"Content-Type": "text/html"})
        assert fields[name] == fields.get(name) == "text/html"
        assert name in fields
        assert fields.getlist(name) == ["text/html"]
        del fields[name]
        assert len(fields) == 0

    def test_the_case_last_set_is_the_case_that_is_given_back(self) -> None:
        fields = CaseInsensitiveDict({"accept": "a"})
        fields["ACCEPT"] = "b"
        assert list(fields) == ["ACCEPT"]
        assert list(fields.items()) == [("ACCEPT", "b")]
        assert list(fields.lower_items()) == [("accept", "b")]

    def test_order_is_that_of_arrival(self) -> None:
        fields = CaseInsensitiveDict([("B", "1"), ("A", "2"), ("C", "3")])
        fields["b"] = "4"
        assert list(fields) == ["b", "A", "C"]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: CaseInsensitiveDict({"A": "1", "B": "2"}),
            lambda: CaseInsensitiveDict([("A", "1"), ("B", "2")]),
            lambda: CaseInsensitiveDict(A="1", B="2"),
            lambda: CaseInsensitiveDict({"A": "1"}, B="2"),
            lambda: CaseInsensitiveDict(CaseInsensitiveDict(A="1", B="2")),
            lambda: CaseInsensitiveDict.from_pairs([("A", "1"), ("B", "2")]),
        ],
        ids=["mapping", "pairs", "keywords", "both", "itself", "from_pairs"],
    )
    def test_it_is_made_from_mappings_pairs_and_keywords(
        self, make: Callable[[], CaseInsensitiveDict[str]]
    ) -> None:
        assert list(make().items()) == [("A", "1"), ("B", "2")]

    @pytest.mark.parametrize("missing", ["x", ""])
    def test_a_missing_name_is_a_key_error_and_a_default(self, missing: str) -> None:
        fields = CaseInsensitiveDict(A="1")
        with pytest.raises(KeyError):
            fields[missing]
        with pytest.raises(KeyError):
            del fields[missing]
        assert fields.get(missing) is None
        assert fields.get(missing, 7) == 7
        assert fields.getlist(missing) == []
        assert missing not in fields
        assert fields.pop(missing, "d") == "d"

    def test_what_is_no_text_is_no_name(self) -> None:
        assert 1 not in CaseInsensitiveDict(A="1")
        assert None not in CaseInsensitiveDict(A="1")

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            ({"a": "1", "B": "2"}, True),
            (CaseInsensitiveDict(a="1", b="2"), True),
            ({"a": "1"}, False),
            ({"a": "1", "B": "3"}, False),
            ([("A", "1"), ("B", "2")], False),
            (None, False),
        ],
        ids=["mapping", "itself", "fewer", "other value", "pairs", "None"],
    )
    def test_equality_looks_at_names_without_case_and_at_values(self, other: object, same: bool) -> None:
        assert (CaseInsensitiveDict(A="1", b="2") == other) is same
        assert (CaseInsensitiveDict(A="1", b="2") != other) is not same

    def test_it_is_mutable_and_hence_not_hashable(self) -> None:
        with pytest.raises(TypeError):
            hash(CaseInsensitiveDict())

    def test_repr_is_that_of_a_dict(self) -> None:
        assert repr(CaseInsensitiveDict({"A": "1", "b": "2"})) == str({"A": "1", "b": "2"})

    def test_mapping_methods_work(self) -> None:
        fields = CaseInsensitiveDict({"A": "1"})
        assert fields.setdefault("a", "2") == "1"
        fields.update({"a": "3", "b": "4"})
        assert dict(fields) == {"a": "3", "b": "4"}
        assert fields.pop("A") == "3"
        fields.clear()
        assert not fields

    @pytest.mark.parametrize("update", [lambda f: f.update(X=None), lambda f: f.__setitem__("X", None)])
    def test_values_may_be_none(self, update: Callable[[Any], None]) -> None:
        fields: CaseInsensitiveDict[Any] = CaseInsensitiveDict()
        update(fields)
        assert fields.get("x", "default") is None
        assert "x" in fields


class TestRepeats:
    def fields(self) -> CaseInsensitiveDict[str]:
        return CaseInsensitiveDict.from_pairs(
            [("Set-Cookie", "a=1"), ("X", "y"), ("set-cookie", "b=2, c"), ("X", "")]
        )

    def test_repeats_are_kept_apart_and_joined_on_subscription(self) -> None:
        fields = self.fields()
        assert fields.getlist("SET-COOKIE") == ["a=1", "b=2, c"]
        assert fields["set-cookie"] == "a=1, b=2, c"
        assert fields.getlist("x") == ["y", ""]
        assert list(fields.multi_items()) == [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2, c"),
            ("X", "y"),
            ("X", ""),
        ]

    def test_bytes_repeat_as_well(self) -> None:
        fields: CaseInsensitiveDict[bytes] = CaseInsensitiveDict()
        fields.add("A", b"1")
        fields.add("a", b"2")
        assert fields["A"] == b"1, 2"
        assert fields.getlist("A") == [b"1", b"2"]

    @pytest.mark.parametrize(
        "forget", [lambda f: f.__setitem__("X", "new"), lambda f: f.update({"x": "new"})]
    )
    def test_setting_replaces_all_repeats(self, forget: Callable[[Any], None]) -> None:
        fields = self.fields()
        forget(fields)
        assert fields.getlist("x") == ["new"]
        fields.add("x", "more")
        assert fields.getlist("x") == ["new", "more"]

    def test_deleting_forgets_all_repeats(self) -> None:
        fields = self.fields()
        del fields["x"]
        fields.add("X", "again")
        assert fields.getlist("x") == ["again"]

    @pytest.mark.parametrize(
        "twin",
        [
            lambda f: f.copy(),
            lambda f: CaseInsensitiveDict(f),
            copy.copy,
            copy.deepcopy,
            lambda f: pickle.loads(pickle.dumps(f)),
        ],
        ids=["copy", "constructor", "copy.copy", "deepcopy", "pickle"],
    )
    def test_copies_keep_the_repeats(self, twin: Callable[[Any], Any]) -> None:
        fields = self.fields()
        assert list(twin(fields).multi_items()) == list(fields.multi_items())

    @pytest.mark.parametrize("twin", [lambda f: f.copy(), lambda f: CaseInsensitiveDict(f), copy.deepcopy])
    def test_copies_share_no_state(self, twin: Callable[[Any], Any]) -> None:
        fields = self.fields()
        other = twin(fields)
        other.add("X", "mine")
        other["Set-Cookie"] = "mine"
        other["New"] = "mine"
        assert list(fields.multi_items()) == list(self.fields().multi_items())

    def test_a_copy_of_a_subclass_is_of_that_class(self) -> None:
        class Mine(CaseInsensitiveDict[str]):
            pass

        assert type(Mine(A="1").copy()) is Mine

    def test_keywords_beside_a_mapping_replace_its_repeats(self) -> None:
        assert CaseInsensitiveDict(self.fields(), X="new").getlist("x") == ["new"]

    @given(Operations)
    def test_it_behaves_as_a_list_of_pairs_would(self, operations: list[tuple[str, str, str]]) -> None:
        fields: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        model: dict[str, list[str]] = {}
        for operation, name, value in operations:
            if operation == "set":
                fields[name] = value
                model[name.lower()] = [value]
            elif operation == "add":
                fields.add(name, value)
                model.setdefault(name.lower(), []).append(value)
            else:
                fields.pop(name, None)
                model.pop(name.lower(), None)
        assert {name.lower(): fields.getlist(name) for name in fields} == model
        assert dict(fields.lower_items()) == {name: ", ".join(values) for name, values in model.items()}
        assert [value for _, value in fields.multi_items()] == [
            v for name in fields for v in model[name.lower()]
        ]
        assert len(fields) == len(model)


class TestLookupDict:
    def test_attributes_are_items_and_missing_ones_are_none(self) -> None:
        lookup = LookupDict(name="status_codes")
        lookup.teapot = 418
        assert lookup["teapot"] == lookup.teapot == lookup.get("teapot") == 418
        assert lookup["nothing"] is None
        assert lookup.get("nothing", 0) == 0
        with pytest.raises(AttributeError):
            lookup.nothing  # noqa: B018
        assert repr(lookup) == "<lookup 'status_codes'>"


class TestPairs:
    @pytest.mark.parametrize(
        ("value", "pairs"),
        [
            (None, None),
            ({"a": "1", "b": "2"}, [("a", "1"), ("b", "2")]),
            ([("a", "1"), ("a", "2")], [("a", "1"), ("a", "2")]),
            (iter([("a", "1")]), [("a", "1")]),
            (CaseInsensitiveDict(A="1"), [("A", "1")]),
            ({}, []),
        ],
        ids=["None", "mapping", "repeated", "iterator", "case-insensitive", "empty"],
    )
    def test_pairs_are_read_from_mappings_and_iterables(self, value: Any, pairs: Any) -> None:
        assert to_key_val_list(value) == pairs

    @pytest.mark.parametrize("value", ["string", b"bytes", True, 3])
    @pytest.mark.parametrize("read", [to_key_val_list, from_key_val_list])
    def test_what_has_no_pairs_is_a_value_error(self, read: Callable[[Any], Any], value: Any) -> None:
        with pytest.raises(ValueError, match="pairs"):
            read(value)

    def test_dicts_are_made_in_order(self) -> None:
        assert list((from_key_val_list([("b", 1), ("a", 2), ("b", 3)]) or {}).items()) == [("b", 3), ("a", 2)]
        assert from_key_val_list(None) is None
