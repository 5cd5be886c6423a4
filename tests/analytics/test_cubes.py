"""The declared cubes and the tables of the models are the same thing."""

import pytest
from django.apps import apps

from analytics.metrics import DIMENSIONS, MEASURES, Measure, declare
from analytics.rollups import cubes
from analytics.rollups.cubes import CUBES, Cube, Grain

MODELS = {model._meta.db_table: model for model in apps.get_app_config("analytics").get_models()}
TABLES = [(cube, grain) for cube in CUBES for grain in cube.grains]


@pytest.mark.parametrize(("cube", "grain"), TABLES, ids=lambda item: getattr(item, "name", item))
def test_every_table_has_the_declared_columns(cube: Cube, grain: Grain) -> None:
    columns = {field.column for field in MODELS[cube.table(grain)]._meta.get_fields()}

    arrays = {f"{name}_{part}" for name in cubes.HISTOGRAMS for part in "bn"} if cube.has_histograms else set()
    assert columns == {"id", "bucket", *cube.dimensions, *cubes.SUM_NAMES, *arrays}


def test_a_cube_has_the_dimensions_of_what_it_is_summed_from() -> None:
    for cube in CUBES:
        if cube.source:
            source = cubes.CUBE_BY_NAME[cube.source]
            assert set(cube.dimensions) < set(source.dimensions)
            assert cubes.REFRESHED.index(source) < cubes.REFRESHED.index(cube)


def test_measures_read_stored_sums_and_dimensions_are_kept() -> None:
    for measure in MEASURES.values():
        assert measure.sums <= ({measure.name} if measure.beside else set(cubes.SUM_NAMES)), measure.name
    kept = {name for name, dimension in DIMENSIONS.items() if dimension.expression is None}
    assert {*cubes.CUBE_BY_NAME["wide"].dimensions, "end_user"} == kept


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="requests is already declared"):
        declare(Measure("requests", "", "1", "count", "sum", ""))
    declare(MEASURES["requests"], DIMENSIONS["team"])
