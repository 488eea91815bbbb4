"""What tests of several rooms share."""

import pytest

from masking.rendering.render_batch import BatchPainter


@pytest.fixture(scope="module", params=["apart", "together"])
def painter(request):
    return BatchPainter("cpu", apart=request.param == "apart")
