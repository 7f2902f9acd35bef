// A flat hash map of the best kind there is (Abseil's), looked up in batches and asked for ahead.
#include <absl/container/flat_hash_map.h>

#include <cstdint>

using Map = absl::flat_hash_map<uint64_t, uint32_t>;

extern "C" Map *map_new(const uint64_t *keys, uint32_t n)
{
    Map *map = new Map;
    map->reserve(n);
    for (uint32_t i = 0; i < n; i++) {
        map->emplace(keys[i], i);
    }
    return map;
}

extern "C" uint64_t map_find(const Map *map, const uint64_t *keys, int64_t n, uint32_t *out)
{
    uint64_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        map->prefetch(keys[i + 16 < n ? i + 16 : i]);
        auto it = map->find(keys[i]);
        out[i] = it == map->end() ? UINT32_MAX : it->second;
        found += it != map->end();
    }
    return found;
}

extern "C" void map_delete(Map *map)
{
    delete map;
}
