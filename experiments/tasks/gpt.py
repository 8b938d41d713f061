"""A small decoder-only transformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Causal self-attention: position t sees 0..t."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, length, width) to the same."""
        n, length, width = x.shape
        parts = self.query_key_value(x).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(seen.transpose(1, 2).reshape(n, length, width))


class Layer(nn.Module):
    """Attention, then a perceptron of four times the width, each added after normalisation."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(width, heads))
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, length, width) to the same."""
        x = x + self.attention(x)
        return x + self.perceptron(x)


class GPT(nn.Module):
    """Token and position embeddings, pre-normalised layers, and the token embedding as head.

    Args:
        tokens: Size of the alphabet.
        context: Longest sequence.
        width: Of the residual stream; a multiple of ``heads``.
        layers: Number of layers.
        heads: Attention heads a layer.

    Source: Radford et al. (2019), GPT-2, section 2.3: its normal initialisation of std 0.02,
    with the last matrix of every branch scaled by 1/sqrt(2 layers). No dropout.
    """

    def __init__(self, tokens: int, context: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.position = nn.Embedding(context, width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        for name, weights in self.named_parameters():
            if weights.ndim == 2:
                last_of_branch = name.endswith(("out.weight", "perceptron.3.weight"))
                nn.init.normal_(weights, std=0.02 * (2 * layers) ** (-0.5 * last_of_branch))
            elif name.endswith("bias"):
                nn.init.zeros_(weights)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at every position.

        Args:
            tokens: (n, length), int64, length up to ``context``.

        Returns:
            (n, alphabet, length): classes second, as cross-entropy expects them.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.layers(self.token(tokens) + self.position(positions))
        return F.linear(self.norm(x), self.token.weight).transpose(1, 2)
