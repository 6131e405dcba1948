import time
import pytest
from tests.web import house as houses
pytestmark = pytest.mark.asyncio(loop_scope="session")
async def test_probe(house):
    for n,p in house.places.items():
        for who in ("", houses.MEMBER):
            for page in ("finish","row","distribution/detail","distribution/list"):
                if not p.row_key and page in ("row","distribution/detail"): continue
                t=time.time()
                a = await house.people[who].get(p.url(page))
                if a.status!=200: print(n, who, page, a.status, a.text[-600:])
    t=time.time(); house.dump(); print("dump", time.time()-t)
    t=time.time(); house.put_back(); print("back", time.time()-t)
    t=time.time(); await house.people["alice"].get("/releases"); print("releases", time.time()-t)
