"""What tests of several rooms share."""

import pytest

from masking.rendering.render_batch import BatchRenderer


@pytest.fixture(scope="module", params=["apart", "together"])
def renderer(request):
    return BatchRenderer("cpu", apart=request.param == "apart")
