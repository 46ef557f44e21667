-- One row per name that somebody gave and vendor's id that it stands for: an asset's ids, or the one that is named as
-- `source:id`. An id that has ended is among them; one that was only once believed to be the asset is not.
with
believed as (
    select source, source_asset_id, asset_id
    from crosswalk
    where known_to is null
)
select names.name, believed.source, believed.source_asset_id
from names
join believed on believed.asset_id = names.name
union
select names.name, believed.source, believed.source_asset_id
from names
join believed on concat(believed.source, ':', believed.source_asset_id) = names.name
order by all
