"""Which functions a statement may call and which types it may cast to: allow-lists, kept as data beside this module."""

from functools import cache
from pathlib import Path


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# PostgreSQL's own functions of one argument that do more than compute, as far as their names say so ...
_TELLING = (
    *("pg_", "lo_", "binary_upgrade_", "txid_", "brin_", "gin_clean", "has_", "currtid", "loread", "lowrite"),
    *("fmgr_", "plpgsql_"),
)
# ... and those whose names do not: `x.name` calls them when `x` has no such column.
_UNTELLING = words(
    """
    aclexplode amvalidate current_schemas current_setting currval mxid_age nextval obj_description
    oidvectortypes regclass regclassin regcollation regcollationin regconfig regconfigin regdictionary
    regdictionaryin regnamespace regnamespacein regoper regoperator regoperatorin regoperin regproc regprocedure
    regprocedurein regprocin regrole regrolein regtype regtypein row_security_active setseed to_regclass
    to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype
    to_regtypemod ts_debug ts_stat ts_token_type xml xml_in xml_is_well_formed
    """
)


@cache
def functions() -> frozenset[str]:
    """The names of the functions that a statement may call, without a schema or with pg_catalog."""
    return _read("functions.txt")


@cache
def types() -> frozenset[str]:
    """The names of the types that a statement may cast to, without a schema or with pg_catalog."""
    return _read("types.txt")


def may_act(name: str) -> bool:
    """Whether PostgreSQL may have a function of its own of this name that does more than compute."""
    return name in _UNTELLING or name.startswith(_TELLING)


def _read(name: str) -> frozenset[str]:
    """The words of a list beside this module."""
    lines = (Path(__file__).parent / name).read_text("ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
