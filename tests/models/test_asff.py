"""The ASFF ResNet-50 against the paper's numbers, against autograd and against its own algebra."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from skinlens.explain.oracle import signed_grad_cam
from skinlens.models.asff import AsffResNet50, Head, SpatialGate, upsampled
from skinlens.models.explainable import Analysis, evidence_map
from skinlens.models.registry import parameter_count

GATES = ("softmax", "sigmoid", "spatial")


@pytest.fixture(scope="module")
def networks() -> dict[str, AsffResNet50]:
    """One network a gate, in eval mode, its batch-norms settled on noise so that no activation explodes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {gate: settled(AsffResNet50(gate=gate)) for gate in GATES}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def outputs(networks: dict[str, AsffResNet50], images: torch.Tensor) -> dict[str, Analysis]:
    with torch.no_grad():
        return {gate: network.analyse(images) for gate, network in networks.items()}


def settled(network: AsffResNet50) -> AsffResNet50:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(6, 3, 64, 64))
    return network.eval()


def resnet50_parameters() -> int:
    """Trunk of ResNet-50 without its classifier, from the table in arXiv 1512.03385: no bias, two values a norm."""
    total, inputs = 7 * 7 * 3 * 64 + 2 * 64, 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            outputs = 4 * width
            total += inputs * width + 9 * width * width + width * outputs + 2 * (width + width + outputs)
            if block == 0:
                total += inputs * outputs + 2 * outputs
            inputs = outputs
    return total


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_channel_gate_gives_the_papers_parameter_count(networks: dict[str, AsffResNet50], gate: str) -> None:
    assert parameter_count(networks[gate]) == 30_857_282


def test_the_spatial_gate_gives_the_count_worked_out_by_hand(networks: dict[str, AsffResNet50]) -> None:
    compressed = 1024 * 16 + 2 * 16
    gate = 2 * compressed + linear(32, 2)
    rest = resnet50_parameters() + linear(2048, 1024) + linear(1024, 2048) + linear(2048, 2)
    assert rest + linear(2048, 1024) + linear(1024, 1024) == 30_857_282
    assert parameter_count(networks["spatial"]) == rest + gate == 27_742_404


@pytest.mark.parametrize(("side", "grid"), [((224, 224), (14, 14)), ((64, 96), (4, 6)), ((80, 80), (5, 5))])
@pytest.mark.parametrize("gate", GATES)
def test_shapes_follow_the_input(
    networks: dict[str, AsffResNet50], gate: str, side: tuple[int, int], grid: tuple[int, int]
) -> None:
    with torch.no_grad():
        output = networks[gate].analyse(torch.zeros(1, 3, *side))
    assert output.logits.shape == (1, 2)
    assert output.maps.shape == (1, 1024, *grid)
    assert output.pooled.shape == (1, 1024)
    assert output.gate.shape == ((1, 1, *grid) if gate == "spatial" else (1, 1024, 1, 1))


def test_the_parts_of_an_output_belong_together(
    networks: dict[str, AsffResNet50], images: torch.Tensor, outputs: dict[str, Analysis]
) -> None:
    for gate, network in networks.items():
        output = outputs[gate]
        with torch.no_grad():
            assert torch.equal(network(images), output.logits)
            assert torch.equal(network.head(output.pooled), output.logits)
        torch.testing.assert_close(output.pooled, output.maps.flatten(2).mean(dim=2))


def test_softmax_weights_share_one_among_1024_channels(outputs: dict[str, Analysis]) -> None:
    weights = outputs["softmax"].gate
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3, 1, 1))
    torch.testing.assert_close(weights.mean(dim=1), torch.full((3, 1, 1), 1 / 1024))


def test_sigmoid_weights_are_free_of_each_other(outputs: dict[str, Analysis]) -> None:
    weights = outputs["sigmoid"].gate
    assert ((weights > 0) & (weights < 1)).all()
    assert (weights.sum(dim=1) > 100).all()


def test_spatial_weights_differ_from_place_to_place(outputs: dict[str, Analysis]) -> None:
    weights = outputs["spatial"].gate
    assert ((weights > 0) & (weights < 1)).all()
    assert (weights.flatten(1).std(dim=1) > 0).all()


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_channel_gate_sees_nothing_but_global_averages(networks: dict[str, AsffResNet50], gate: str) -> None:
    mid, semantic = torch.randn(2, 2, 1024, 4, 4, generator=torch.Generator().manual_seed(2))
    flat = [branch.mean(dim=(2, 3), keepdim=True).expand_as(branch) for branch in (mid, semantic)]
    with torch.no_grad():
        weights = networks[gate].gate(mid, semantic)
        torch.testing.assert_close(networks[gate].gate(*flat), weights)
        assert not torch.allclose(networks[gate].gate(semantic, mid), weights, rtol=1e-3)


def test_a_spatial_gate_that_swaps_its_branches_gives_the_complement() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        gate = SpatialGate(8, compressed=4).eval()
        mid, semantic = torch.randn(2, 2, 8, 5, 5)
    swapped = copy.deepcopy(gate)
    swapped.compress_mid, swapped.compress_semantic = gate.compress_semantic, gate.compress_mid
    with torch.no_grad():
        swapped.compare.weight.copy_(gate.compare.weight.roll(4, dims=1).flip(0))
        swapped.compare.bias.copy_(gate.compare.bias.flip(0))
        torch.testing.assert_close(swapped(semantic, mid), 1 - gate(mid, semantic))


@pytest.mark.parametrize("gate", GATES)
def test_the_mix_is_the_papers_and_lies_between_its_branches(
    networks: dict[str, AsffResNet50], images: torch.Tensor, outputs: dict[str, Analysis], gate: str
) -> None:
    with torch.no_grad():
        mid, semantic = networks[gate].branches(images)
    fused, weights = outputs[gate].maps, outputs[gate].gate
    slack = 1e-5 * torch.maximum(mid.abs(), semantic.abs())
    assert (fused >= torch.minimum(mid, semantic) - slack).all()
    assert (fused <= torch.maximum(mid, semantic) + slack).all()
    torch.testing.assert_close(fused, weights * mid + (1 - weights) * semantic)


def test_the_branches_are_the_last_two_stages(networks: dict[str, AsffResNet50], images: torch.Tensor) -> None:
    network = networks["sigmoid"]
    seen = {}
    hooks = [
        getattr(network, name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
        for name in ("layer3", "layer4")
    ]
    try:
        with torch.no_grad():
            mid, semantic = network.branches(images)
            # The paper's order: up-sample first, then convolve.
            published = network.project(upsampled(seen["layer4"], like=seen["layer3"]))
    finally:
        for hook in hooks:
            hook.remove()
    assert torch.equal(mid, seen["layer3"])
    assert seen["layer4"].shape == (3, 2048, 2, 3)
    torch.testing.assert_close(semantic, published, rtol=1e-4, atol=1e-4 * published.abs().max().item())


def test_a_convolution_with_a_bias_may_come_before_or_after_upsampling() -> None:
    generator = torch.Generator().manual_seed(4)
    small, grid = torch.randn(2, 16, 7, 7, generator=generator), torch.empty(1, 1, 14, 14)
    project = nn.Conv2d(16, 8, kernel_size=1)
    nn.init.constant_(project.bias, 3.0)  # type: ignore[arg-type]
    with torch.no_grad():
        before, after = upsampled(project(small), like=grid), project(upsampled(small, like=grid))
    assert before.shape == (2, 8, 14, 14)
    torch.testing.assert_close(before, after)


def test_upsampling_leaves_a_constant_map_alone_and_keeps_within_its_range() -> None:
    constant = upsampled(torch.full((1, 1, 2, 3), 2.5), like=torch.empty(1, 1, 5, 7))
    torch.testing.assert_close(constant, torch.full((1, 1, 5, 7), 2.5))
    ramp = upsampled(torch.tensor([[[[0.0, 1.0]]]]), like=torch.empty(1, 1, 1, 4))
    # Half-pixel centres (align_corners off), worked out by hand.
    torch.testing.assert_close(ramp, torch.tensor([[[[0.0, 0.25, 0.75, 1.0]]]]))


def test_where_the_stride_sits(networks: dict[str, AsffResNet50], images: torch.Tensor) -> None:
    v1 = networks["softmax"]
    v15 = AsffResNet50(gate="softmax", stride_in_1x1=False).eval()
    v15.load_state_dict(v1.state_dict())
    assert strides(v1) == {"conv1": ["layer2.0", "layer3.0", "layer4.0"], "conv2": [], "shortcut": shortcuts()}
    assert strides(v15) == {"conv1": [], "conv2": ["layer2.0", "layer3.0", "layer4.0"], "shortcut": shortcuts()}
    with torch.no_grad():
        first, second = v1.analyse(images), v15.analyse(images)
    assert all(a.shape == b.shape for a, b in zip(first, second, strict=True))
    assert (first.maps - second.maps).abs().max() > 0.01 * first.maps.abs().max()
    assert not torch.allclose(first.logits, second.logits)


def shortcuts() -> list[str]:
    return ["layer2.0", "layer3.0", "layer4.0"]


def strides(network: AsffResNet50) -> dict[str, Any]:
    """Names of the blocks that halve their grid, by the convolution that does it."""
    found = {"conv1": [], "conv2": [], "shortcut": []}
    for stage in ("layer1", "layer2", "layer3", "layer4"):
        for number, block in enumerate(getattr(network, stage)):
            convolutions = {"conv1": block.conv1, "conv2": block.conv2, "conv3": block.conv3}
            if block.downsample is not None:
                convolutions["shortcut"] = block.downsample[0]
            for kind, convolution in convolutions.items():
                if convolution.stride != (1, 1):
                    assert convolution.stride == (2, 2)
                    found[kind].append(f"{stage}.{number}")
    return found


@pytest.mark.parametrize("gate", ["Softmax", "none", "", None])
def test_an_unknown_gate_is_named(gate: Any) -> None:
    with pytest.raises(ValueError, match=f"gate must be one of softmax, sigmoid, spatial, not {gate!r}"):
        AsffResNet50(gate=gate)


def test_classes_set_the_width_of_the_output() -> None:
    network = AsffResNet50(classes=5).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


@pytest.mark.parametrize("gate", GATES)
def test_the_evidence_map_is_grad_cam_by_autograd(
    networks: dict[str, AsffResNet50], images: torch.Tensor, gate: str
) -> None:
    network = networks[gate]
    output = network.analyse(images)
    evidence = (output.logits[:, 1] - output.logits[:, 0]).sum()
    (gradient,) = torch.autograd.grad(evidence, output.maps)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * output.maps).sum(dim=1).detach()
    found = evidence_map(output, network.head).detach()
    assert found.shape == (3, 4, 6)
    assert expected.min() < 0 < expected.max()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_the_evidence_map_adds_up_to_the_linear_part_of_the_logit_difference() -> None:
    """Without hidden biases the head is linear where it stands, so that the map sums to its logit difference."""
    head = Head(features=6, hidden=10)
    nn.init.zeros_(head.hidden.bias)
    nn.init.zeros_(head.classify.bias)
    network_output = fake_output(head, torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(5)))
    with torch.no_grad():
        total = evidence_map(network_output, head).sum(dim=(1, 2))
    torch.testing.assert_close(total, network_output.logits[:, 1] - network_output.logits[:, 0])


def fake_output(head: Head, fused: torch.Tensor) -> Analysis:
    pooled = fused.mean(dim=(2, 3))
    return Analysis(head(pooled).detach(), fused, pooled, torch.ones(len(fused), 6, 1, 1))


@pytest.mark.parametrize(("positive", "negative"), [(1, 0), (0, 1), (2, 1)])
def test_the_heads_closed_form_is_its_gradient(positive: int, negative: int) -> None:
    head = Head(features=12, hidden=40, classes=3).double()
    pooled = torch.randn(5, 12, dtype=torch.double, generator=torch.Generator().manual_seed(6), requires_grad=True)
    logits = head(pooled)
    (expected,) = torch.autograd.grad((logits[:, positive] - logits[:, negative]).sum(), pooled)
    found = head.evidence_gradient(pooled, positive=positive, negative=negative)
    torch.testing.assert_close(found, expected)
    swapped = head.evidence_gradient(pooled, positive=negative, negative=positive)
    torch.testing.assert_close(found, -swapped)


@pytest.mark.parametrize("gate", GATES)
def test_one_backward_pass_reaches_every_parameter(networks: dict[str, AsffResNet50], gate: str) -> None:
    network = copy.deepcopy(networks[gate]).train()
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(7))
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 1, 0])).backward()
    unreached = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    broken = [name for name, p in network.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    assert unreached == []
    assert broken == []


@pytest.mark.parametrize("gate", GATES)
def test_evaluation_is_deterministic_and_blind_to_the_rest_of_the_batch(
    networks: dict[str, AsffResNet50], images: torch.Tensor, outputs: dict[str, Analysis], gate: str
) -> None:
    with torch.no_grad():
        again = networks[gate].analyse(images)
        alone = networks[gate].analyse(images[1:2])
    for first, second in zip(outputs[gate], again, strict=True):
        assert torch.equal(first, second)  # type: ignore[arg-type]
    # Sums of another order on another processor; a sample of another batch would be off by the scale itself.
    scale = outputs[gate].maps.abs().max().item()
    torch.testing.assert_close(alone.maps, outputs[gate].maps[1:2], rtol=1e-4, atol=3e-5 * scale)
    torch.testing.assert_close(alone.gate, outputs[gate].gate[1:2], rtol=1e-3, atol=1e-6)


def test_hooks_find_the_fused_map_under_its_name(
    networks: dict[str, AsffResNet50], images: torch.Tensor, outputs: dict[str, Analysis]
) -> None:
    seen = []
    hook = networks["sigmoid"].fused.register_forward_hook(lambda _m, _i, out: seen.append(out))
    try:
        with torch.no_grad():
            networks["sigmoid"](images)
    finally:
        hook.remove()
    assert torch.equal(seen[0], outputs["sigmoid"].maps)


THREE_LEVELS = ("sigmoid", "spatial")


@pytest.fixture(scope="module")
def three(images: torch.Tensor) -> dict[str, tuple[AsffResNet50, Analysis]]:
    """Networks that fuse three levels, settled, and what they make of the images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        networks = {gate: settled(AsffResNet50(gate=gate, levels=3)) for gate in THREE_LEVELS}  # type: ignore[arg-type]
    with torch.no_grad():
        return {gate: (network, network.analyse(images)) for gate, network in networks.items()}


def test_a_third_level_adds_the_parameters_worked_out_by_hand(three: dict[str, tuple[AsffResNet50, Analysis]]) -> None:
    two_levels = 30_857_282
    wider_gate = linear(3 * 1024, 1024) - linear(2 * 1024, 1024) + linear(1024, 3 * 1024) - linear(1024, 1024)
    assert parameter_count(three["sigmoid"][0]) == two_levels + linear(512, 1024) + wider_gate == 34_530_370


@pytest.mark.parametrize("gate", THREE_LEVELS)
def test_three_branches_are_mixed_with_weights_that_add_up_to_one(
    three: dict[str, tuple[AsffResNet50, Analysis]], images: torch.Tensor, gate: str
) -> None:
    network, output = three[gate]
    with torch.no_grad():
        branches = network.branches(images)
        weights = network.gate(*branches)
    assert [branch.shape for branch in branches] == [(3, 1024, 4, 6)] * 3
    assert weights.shape == ((3, 3, 1024, 1, 1) if gate == "sigmoid" else (3, 3, 1, 4, 6))
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones_like(weights[:, 0]))
    mixed = sum(weights[:, level] * branch for level, branch in enumerate(branches))
    # What the analysis tells is the weight of the mid-level branch, as with two levels.
    torch.testing.assert_close(output.gate, weights[:, 1])
    torch.testing.assert_close(output.maps, mixed)


def test_the_fine_branch_is_layer2_at_half_its_size(
    three: dict[str, tuple[AsffResNet50, Analysis]], images: torch.Tensor
) -> None:
    network = three["sigmoid"][0]
    seen = []
    hook = network.layer2.register_forward_hook(lambda _m, _i, out: seen.append(out))
    try:
        with torch.no_grad():
            fine, _, _ = network.branches(images)
            after = nn.functional.avg_pool2d(network.project_fine(seen[0]), 2)
    finally:
        hook.remove()
    assert seen[0].shape == (3, 512, 8, 12)
    torch.testing.assert_close(fine, after, rtol=1e-4, atol=1e-5 * after.abs().max().item())


@pytest.mark.parametrize("gate", THREE_LEVELS)
def test_the_evidence_map_of_three_levels_is_grad_cam_by_autograd_and_by_the_library(
    three: dict[str, tuple[AsffResNet50, Analysis]], images: Any, gate: str
) -> None:
    network = three[gate][0]
    output = network.analyse(images)
    evidence = (output.logits[:, 1] - output.logits[:, 0]).sum()
    (gradient,) = torch.autograd.grad(evidence, output.maps)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * output.maps).sum(dim=1).detach()
    found = evidence_map(output, network).detach()
    assert found.shape == (3, 4, 6)
    assert expected.min() < 0 < expected.max()
    slack = {"rtol": 1e-3, "atol": 1e-4 * expected.abs().max().item()}
    torch.testing.assert_close(found, expected, **slack)  # type: ignore[arg-type]
    torch.testing.assert_close(found, torch.from_numpy(signed_grad_cam(network, network.explained, images)), **slack)  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", THREE_LEVELS)
def test_training_reaches_every_parameter_of_three_levels(
    three: dict[str, tuple[AsffResNet50, Analysis]], gate: str
) -> None:
    network = copy.deepcopy(three[gate][0]).train()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(7))
    nn.functional.cross_entropy(network(images), torch.tensor([0, 1])).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


@pytest.mark.parametrize("levels", [1, 4, "3", None])
def test_an_unknown_number_of_levels_is_named(levels: Any) -> None:
    with pytest.raises(ValueError, match=f"levels must be 2 or 3, not {levels!r}"):
        AsffResNet50(gate="sigmoid", levels=levels)


def test_the_published_gate_weighs_two_levels_alone() -> None:
    with pytest.raises(ValueError, match="three take sigmoid or spatial"):
        AsffResNet50(gate="softmax", levels=3)


def stage_averages(network: AsffResNet50, images: torch.Tensor) -> torch.Tensor:
    """Averages of the fused stages, one after another."""
    seen = []
    hooks = [
        getattr(network, name).register_forward_hook(lambda _m, _i, out: seen.append(out.mean(dim=(2, 3))))
        for name in network.fused_stages
    ]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(seen, dim=1)


class TestStartFromProbe:
    def begun(self, networks: Any, three: Any, gate: Any, levels: Any) -> Any:
        return copy.deepcopy(three[gate][0] if levels == 3 else networks[gate])

    def probe(self, network: Any) -> Any:
        widths = {"layer2": 512, "layer3": 1024, "layer4": 2048}
        size = sum(widths[stage] for stage in network.fused_stages)
        return torch.randn(size, generator=torch.Generator().manual_seed(9)) / size**0.5

    @pytest.mark.parametrize("levels", [2, 3])
    @pytest.mark.parametrize("gate", THREE_LEVELS)
    def test_the_network_is_the_probe(
        self,
        networks: dict[str, AsffResNet50],
        three: dict[str, tuple[AsffResNet50, Analysis]],
        images: torch.Tensor,
        gate: str,
        levels: int,
    ) -> None:
        network = self.begun(networks, three, gate, levels)
        before = copy.deepcopy(network.state_dict())
        coefficients, intercept = self.probe(network), -0.7
        network.start_from_probe(coefficients, intercept)
        expected = stage_averages(network, images) @ coefficients + intercept
        with torch.no_grad():
            output = network.analyse(images)
        found = output.logits[:, 1] - output.logits[:, 0]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
        # Both logits move, in opposite directions, and every branch has the same weight.
        torch.testing.assert_close(output.logits[:, 1], -output.logits[:, 0])
        torch.testing.assert_close(output.gate, torch.full_like(output.gate, 1 / levels))
        # The pretrained part is not touched.
        after = network.state_dict()
        stages = [name for name in before if name.startswith(("conv1", "bn1", "layer"))]
        assert all(torch.equal(before[name], after[name]) for name in stages)

    def test_the_evidence_map_adds_up_to_the_probe_without_its_intercept(
        self, networks: dict[str, AsffResNet50], three: dict[str, tuple[AsffResNet50, Analysis]], images: torch.Tensor
    ) -> None:
        network = self.begun(networks, three, "sigmoid", 3)
        coefficients = self.probe(network)
        network.start_from_probe(coefficients, 0.0)
        with torch.no_grad():
            total = evidence_map(network.analyse(images), network).sum(dim=(1, 2))
        expected = stage_averages(network, images) @ coefficients
        torch.testing.assert_close(total, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())

    def test_there_is_something_to_train(
        self, networks: dict[str, AsffResNet50], three: dict[str, tuple[AsffResNet50, Analysis]]
    ) -> None:
        """Across the probe's direction the projection keeps its random weights, which the hidden units still see."""
        network = self.begun(networks, three, "sigmoid", 2)
        before = network.project.weight.detach().clone()[:, :, 0, 0]
        coefficients = self.probe(network)
        network.start_from_probe(coefficients, 0.3)
        unit = coefficients[:1024] / coefficients[:1024].norm()
        across = torch.eye(1024) - torch.outer(unit, unit)
        after = network.project.weight.detach()[:, :, 0, 0]
        torch.testing.assert_close(across @ after, across @ before, rtol=1e-3, atol=1e-5)
        assert network.head.hidden.weight.detach()[2:].std() > 0
        assert network.head.classify.weight.detach()[:, 2:].abs().max() == 0

    @pytest.mark.parametrize(("levels", "read"), [(2, 3584), (3, 3072)])
    def test_a_probe_of_other_stages_does_not_fit(
        self, networks: dict[str, AsffResNet50], three: dict[str, tuple[AsffResNet50, Analysis]], levels: int, read: int
    ) -> None:
        network = self.begun(networks, three, "sigmoid", levels)
        wanted = 3072 if levels == 2 else 3584
        with pytest.raises(ValueError, match=f"the probe has {read} coefficients, not {wanted}"):
            network.start_from_probe(torch.ones(read), 0.0)

    def test_a_probe_that_reads_nothing_from_the_mid_level_branch_cannot_begin(
        self, networks: dict[str, AsffResNet50], three: dict[str, tuple[AsffResNet50, Analysis]]
    ) -> None:
        network = self.begun(networks, three, "sigmoid", 2)
        coefficients = torch.ones(3072)
        coefficients[:1024] = 0
        with pytest.raises(ValueError, match="reads nothing from layer3"):
            network.start_from_probe(coefficients, 0.0)

    def test_the_published_gate_cannot_begin_even(self, networks: dict[str, AsffResNet50]) -> None:
        network = copy.deepcopy(networks["softmax"])
        with pytest.raises(ValueError, match="cannot weigh two branches evenly"):
            network.start_from_probe(torch.ones(3072), 0.0)
