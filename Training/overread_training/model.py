"""A vision transformer on 16 x 16 pixel patches behind a residual convolutional stem.

With 1,754 training pictures the locality that a stem brings is worth more than depth: the stem's total stride is 16, so
one token is one patch, and the transformer relates patches. Outputs: the image's logits, the patches' logits (the
heatmap), the pooled embedding and, where the shape asks for them, a box for each patch. The image's logits are a head
on the pooled tokens plus a soft maximum over the patches, so that a small finding that one patch sees reaches the
image's score.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """What a checkpoint must agree on."""

    classes: int = 6
    auxiliary: int = 10
    width: int = 256
    depth: int = 6
    heads: int = 4
    stem: tuple[int, int, int] = (32, 64, 128)
    stem_blocks: tuple[int, int, int] = (1, 2, 2)
    position: int = 16  # side of the learnt position grid, interpolated to the input's
    drop_path: float = 0.1
    dropout: float = 0.1  # of the embedding only: in the MLPs its random numbers cost a CPU more than they give
    boxes: bool = False  # a box for each patch

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shape:
        lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**lists)

    def plain(self) -> dict[str, Any]:
        """Without what a shape of an older checkpoint does not name."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {k: v for k, v in values.items() if k != "boxes" or v}


class Output(NamedTuple):
    image_logits: Tensor  # [B, C]
    patch_logits: Tensor  # [B, N, C], row-major
    embedding: Tensor  # [B, D]
    auxiliary: Tensor  # [B, A]
    pooled_patch: Tensor  # [B, C]: the soft maximum alone
    boxes: Tensor | None  # [B, N, 4]: corners (x0, y0, x1, y1) as fractions of the picture, whatever the class


def convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*convolution(width, width, 3, 1), nn.ReLU(), *convolution(width, width, 3, 1))
        norm = self.body[4]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


class Stem(nn.Module):
    """[B, 1, S, S] to [B, D, S/16, S/16]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        a, b, c = shape.stem
        n1, n2, n3 = shape.stem_blocks
        self.layers = nn.Sequential(
            *convolution(1, a, 5, 2), nn.ReLU(),
            *convolution(a, b, 3, 2), nn.ReLU(), *(Residual(b) for _ in range(n1)),
            *convolution(b, c, 3, 2), nn.ReLU(), *(Residual(c) for _ in range(n2)),
            *convolution(c, shape.width, 3, 2), nn.ReLU(), *(Residual(shape.width) for _ in range(n3)),
            nn.Conv2d(shape.width, shape.width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Block(nn.Module):
    """Pre-norm attention and MLP, each behind stochastic depth."""

    def __init__(self, width: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads, self.drop_path = heads, drop_path
        for layer in (self.out, self.down):
            nn.init.trunc_normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def keep(self, x: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return x
        kept = 1 - self.drop_path
        return x * (torch.rand(x.shape[0], 1, 1, device=x.device) < kept).to(x.dtype) / kept

    def attend(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d)
        z: Tensor = self.out(y)
        return z

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.keep(self.attend(self.norm1(x)))
        return x + self.keep(self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh")))


class Overreader(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        d = shape.width
        self.stem = Stem(shape)
        self.position = nn.Parameter(torch.randn(1, d, shape.position, shape.position) * 0.02)
        self.local = nn.Conv2d(d, d, 3, padding=1, groups=d)
        self.mask_token = nn.Parameter(torch.zeros(d))
        rates = [shape.drop_path * k / max(1, shape.depth - 1) for k in range(shape.depth)]
        self.blocks = nn.ModuleList(Block(d, shape.heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(d)
        self.pool_query = nn.Linear(d, 1)
        self.head = nn.Linear(d, shape.classes)
        self.auxiliary = nn.Linear(d, shape.auxiliary)
        self.patch_head = nn.Sequential(nn.Linear(d, d), nn.GELU(approximate="tanh"), nn.Linear(d, shape.classes))
        self.patch_scale = nn.Parameter(torch.full((shape.classes,), 0.3))
        self.patch_bias = nn.Parameter(torch.full((shape.classes,), 1.0))
        if shape.boxes:
            self.box_head = nn.Sequential(nn.Linear(d, d // 2), nn.GELU(approximate="tanh"), nn.Linear(d // 2, 4))
        last = self.patch_head[2]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, -3.5)
        nn.init.constant_(self.head.bias, -1.0)

    def encode(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
        """The tokens [B, N, D]. `hidden` [B, 1, g, g], boolean: patches behind the mask token (training only)."""
        features = self.stem(x)
        if hidden is not None:
            features = torch.where(hidden, self.mask_token.to(features.dtype)[None, :, None, None], features)
        grid = features.shape[-2:]
        position: Tensor = self.position
        if tuple(grid) != tuple(position.shape[-2:]):
            position = F.interpolate(position, size=grid, mode="bicubic", align_corners=False)
        placed: Tensor = features + position + self.local(features)
        tokens = placed.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.norm(tokens)
        return normed

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> Output:
        tokens = self.encode(x, hidden)
        patch: Tensor = self.patch_head(tokens).float()
        attention = self.pool_query(tokens).float().softmax(dim=1)
        embedding = (tokens.float() * attention).sum(dim=1) * 0.5 + tokens.float().mean(dim=1) * 0.5
        maximum = (patch * patch.softmax(dim=1)).sum(dim=1)
        pooled = maximum + self.patch_bias
        dropped = F.dropout(embedding, self.shape.dropout, self.training)
        image = self.head(dropped).float() + self.patch_scale * pooled
        boxes = self.boxes(tokens, x.shape[-2] // 16, x.shape[-1] // 16) if self.shape.boxes else None
        return Output(image, patch, embedding, self.auxiliary(dropped).float(), pooled, boxes)

    def boxes(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """Each patch's box: distances from its middle to the four sides, in units of a sixteenth of the picture."""
        sides = F.softplus(self.box_head(tokens).float()) / 16
        x = (torch.arange(columns, device=tokens.device) + 0.5) / columns
        y = (torch.arange(rows, device=tokens.device) + 0.5) / rows
        middle = torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=1)
        return torch.cat([middle - sides[..., :2], middle + sides[..., 2:]], dim=-1)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
