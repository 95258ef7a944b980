"""Thinks: models, prompts, the graph, practice, the interfaces.

AgentError                   anything this room raises; always one sentence with what to do
├── ConfigError              (also ValueError)         a setting is wrong; names key and place
└── ModelError               anything a model raises
    ├── ModelMissing         (also LookupError)        no model of that name
    ├── WeightsMissing       (also FileNotFoundError)  no source has the embedded weights
    ├── WeightsDamaged       (also ValueError)         a weights file is truncated or wrong
    ├── KeyMissing           (also PermissionError)    a hosted model without a valid key
    ├── ContextTooLong       (also ValueError)         the prompt does not fit the model
    ├── ModelUnreachable     (also ConnectionError)    no answer, after the retries
    ├── AdapterMissing       (also LookupError)        the model serves no adapter of that name
    ├── AdapterRefused       (also ValueError)         damaged, for another base, or without effect
    └── ScriptExhausted      (also LookupError)        a scripted model has no reply left
"""


class AgentError(Exception):
    """Anything the agent room raises."""


class ConfigError(AgentError, ValueError):
    """A setting is wrong; the message names the key and where it was set."""


class ModelError(AgentError):
    """Anything a model raises."""


class ModelMissing(ModelError, LookupError):
    """No model of that name; the message says how names look."""


class WeightsMissing(ModelError, FileNotFoundError):
    """No source has the embedded model's weights; the message names the sources tried."""


class WeightsDamaged(ModelError, ValueError):
    """A weights file is truncated or another file; the message names it and the mend."""


class KeyMissing(ModelError, PermissionError):
    """A hosted model refused us for want of a valid key."""


class ContextTooLong(ModelError, ValueError):
    """The prompt does not fit the model's context."""


class ModelUnreachable(ModelError, ConnectionError):
    """No answer from the model's service, after the retries."""


class AdapterMissing(ModelError, LookupError):
    """The model serves no adapter of that name, or none at all; the message says which it has."""


class AdapterRefused(ModelError, ValueError):
    """An adapter is damaged, for another base model, or changes nothing."""


class ScriptExhausted(ModelError, LookupError):
    """A scripted model has no reply left; the message names the prompt that was asked."""
