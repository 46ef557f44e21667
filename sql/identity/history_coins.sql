-- One row per coin of a source whose history is worth asking for, the largest first: the first of the curated file,
-- and every coin that was ever in a source's universe, whatever became of it.
with
known as (
    select distinct asset_id, source_asset_id
    from crosswalk, parameters
    where crosswalk.source = parameters.asked_source and known_to is null
),
-- A coin of any source's universe stands for its asset; the place of its last day there counts.
largest as (
    select crosswalk.asset_id, arg_max(universe.place, (universe.universe_date, -universe.place)) as place
    from universe
    join crosswalk
        on crosswalk.source = universe.source
        and crosswalk.source_asset_id = universe.source_asset_id
        and crosswalk.known_to is null
    group by crosswalk.asset_id
),
wanted as (
    select asset_id, min(place) as place
    from (
        select asset_id, place from largest
        union all
        select asset_id, place from curated, parameters where place <= parameters.first_curated
    )
    group by asset_id
)
select known.source_asset_id, known.asset_id
from known
join wanted on wanted.asset_id = known.asset_id
order by wanted.place, known.asset_id, known.source_asset_id
