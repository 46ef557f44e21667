-- One row per vendor's id that ended: the vendor lists it no more, or it stands for another coin since. The last first.
select
    valid_to as ended_on, source, source_asset_id, asset_id, symbol, name, valid_from, method, known_from as known_since
from crosswalk
where known_to is null and valid_to is not null
order by valid_to desc, source, source_asset_id, valid_from
