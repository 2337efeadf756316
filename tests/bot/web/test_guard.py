"""What stands around every request."""

from urllib.parse import parse_qsl

from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given
from hypothesis import strategies as st

from bot.web.guard import query_of


@given(st.text("ab01=&%+;/?é中 ", max_size=40))
@example("echostr=a%2Bb%2F%3D%3D&nonce=1&&empty=&alone&twice=1&twice=2&=")
def test_a_query_is_read_as_the_standard_library_reads_it(query: str) -> None:
    request = make_mocked_request("GET", f"/callback/wecom/app?{query}")
    assert dict(parse_qsl(query, keep_blank_values=True)) == query_of(request)
