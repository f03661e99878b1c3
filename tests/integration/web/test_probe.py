from __future__ import annotations
import json
from tests.integration.web.conftest import API, World

async def test_probe(world: World) -> None:
    U=f"{API}/projects"; J={'content-type':'application/json'}
    async def r(m,u,**k):
        x=await world.admin.request(m,u,**k); print(m,u[:60],str(k.get('content') or k.get('json') or '')[:30],'→',x.status_code,x.headers.get('content-type'),x.text[:230])
        return x
    for b in ({'slug':'a','name':'n\0'},{'slug':'a','name':'one'},{'slug':'a','name':'one'},{'slug':'','name':4}): await r('POST',U,json=b)
    await r('POST',U,content=b'',headers=J); await r('POST',U,content=b'{',headers=J); await r('POST',U,content=b'{}',headers={'content-type':'text/plain'})
    await r('POST',U,content=b'{"slug":"b","name":"\\ud800"}',headers=J)
    await r('POST',U,content=b'{"slug":"b","name":"\xff\xfe"}',headers=J)
    await r('POST',U,content=b'\xff\xfe',headers=J); await r('POST',U,content=b'['*100000,headers=J)
    await r('POST',U,content=b'{"slug":"\\u0000","a":'+b'['*100000,headers=J)
    await r('POST',U,content=b'{"slug":'+b'['*100000,headers=J)
    await r('POST',U,content=b'x'*22_000_000,headers=J)
    for u in (U+'?bogus=1',U+'?page_size=0',U+'?page_size=x', U+'?page_token=zz',U+'/abc',U+'/%00','/api/v1/databases?q=%00','/api/v1/databases/99999999999999999999','/api/v1/databases/999999999999999','/api/v1/nope','/api/nope','/issues/4','/assets/x.js','/api/v1/audit','/api/v1/events','/api/v1/instances','/api/v1/environments','/api/v1/approval-tiers','/api/v1/schedules','/api/v1/users','/api/v1/service-accounts','/api/v1/auth/tokens','/api/v1/auth/me','/api/v1/databases','/healthz','/readyz','/metrics','/api/docs','/api/schema/x'): await r('GET',u)
    await r('DELETE','/api/v1/auth/tokens/99999999999999999999')
    await r('PATCH','/api/v1/users/99999999999999999999',json={'name':'x'})
    await r('POST','/api/v1/nope'); await r('PUT',U); await r('HEAD','/issues/4'); await r('HEAD',U); await r('OPTIONS',U)
    x=await r('GET','/api/openapi.json')
    from pathlib import Path; Path('/tmp/penstock/openapi.json').write_text(json.dumps(x.json(),indent=1))
