from __future__ import annotations

from pathlib import Path

import pytest

from stack.migrate import Migration, pending, read
from tidemark.errors import UserError

ONE = Migration("001_a.sql", "CREATE TABLE a (id int);")
TWO = Migration("002_b.sql", "CREATE TABLE b (id int);")
THREE = Migration("003_c.sql", "CREATE TABLE c (id int);")


def applied(*migrations: Migration) -> dict[str, str]:
    return {migration.name: migration.checksum for migration in migrations}


def test_what_was_not_applied_is_pending_in_order() -> None:
    assert pending([ONE, TWO, THREE], applied(ONE)) == [TWO, THREE]
    assert pending([ONE, TWO], applied(ONE, TWO)) == []


def test_a_changed_migration_is_refused() -> None:
    changed = Migration(ONE.name, ONE.text + " -- and more")
    with pytest.raises(UserError, match=r"001_a\.sql was changed after"):
        pending([changed, TWO], applied(ONE))


def test_a_migration_that_this_checkout_lacks_is_refused() -> None:
    with pytest.raises(UserError, match=r"002_b\.sql, which this checkout does not"):
        pending([ONE], applied(ONE, TWO))


def test_a_migration_slipped_in_before_an_applied_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"002_b\.sql comes before 003_c\.sql"):
        pending([ONE, TWO, THREE], applied(ONE, THREE))


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "010_late.sql").write_text("SELECT 2;")
    (tmp_path / "002_early.sql").write_text("SELECT 1;")
    assert [migration.name for migration in read(tmp_path)] == ["002_early.sql", "010_late.sql"]


@pytest.mark.parametrize("names", [["1_short.sql"], ["001_a.sql", "001_b.sql"], ["001-a.sql"]])
def test_misnamed_files_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(UserError):
        read(tmp_path)


def test_the_projects_own_migrations_are_well_named() -> None:
    assert read()[0].name == "001_roles.sql"
