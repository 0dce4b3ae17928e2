"""What endpoints call their refusals: names out of an error's fields, and words out of its text, both in lower case.

Data for `refusal`, which says in what order they count. A name is equal to one of a table; words are searched in the
endpoint's own text only, never in what a model or a user wrote. A phrase is here in a form that says one thing alone:
"quota" is in no table of what stops a run, because the same word is used for a limit that is over in a minute.
"""

import re


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


NO_MONEY_NAMES = frozenset(
    {
        "accountoverdueerror",  # Volcengine
        "arrearage",  # Alibaba
        "billing_disabled",  # Vertex
        "billing_error",  # Anthropic
        "billing_hard_limit_reached",
        "billing_not_active",
        "budget_exceeded",
        "credit_balance_exhausted",
        "credit_limit",  # Together
        "exceeded_current_quota_error",  # Moonshot
        "failedoperation.resourcepackexhausted",  # Tencent
        "failedoperation.servicestoparrears",
        "insufficient_balance",
        "insufficient_credit",
        "insufficient_credits",
        "insufficient_funds",
        "insufficient_quota",
        "insufficient_user_quota",  # one-api and its children
        "insufficientbalance",
        "invalid_payment_instrument",  # Bedrock
        "not_enough_balance",  # Novita
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "overdue_payment",
        "payment_required",
        "pre_consume_token_quota_failed",  # one-api
        "project_spend_limit_exceeded",
        "spend_limit_exceeded",
        "spend_limit_reached",
    }
)
SPENT_BALANCE_NAMES = frozenset({"openrouter_credits", "openrouter_key_limit"})
IN_FLIGHT_NAMES = frozenset({"in_flight_budget_exhausted", "openrouter_in_flight_budget"})
TOO_EXPENSIVE_WORDS = frozenset({"weight_exceeds_budget", "can only afford"})
NO_MONEY_WORDS = _any(
    r"credit balance (?:is )?(?:too low|depleted|exhausted)",
    r"insufficient(?: \w+)? (?:balance|credits?|funds)",
    r"insufficient[_ ]quota",
    r"(?:balance|funds|credits?)(?: \w+){0,2} (?:is|are) (?:insufficient|not enough|not sufficient|exhausted|depleted)",
    r"(?:not enough|not sufficient|no sufficient|ran out of|run out of|out of) (?:balance|funds|credits?)\b",
    r"(?:does not|doesn't|do not|don't|did not) have (?:enough|sufficient|any) (?:balance|funds|credits?)\b",
    r"\bno (?:more )?(?:\w+ )?(?:credits?|balance) (?:left|remaining|available)",
    r"\btrial (?:has |is )?(?:ended|over|expired)",
    r"used (?:up )?all (?:\w+ )?(?:available )?credits",
    r"(?:reached|exceeded|exhausted) (?:\w+ ){1,3}(?:spending|spend|monthly spending) (?:limit|cap)",
    r"exceeded your monthly included credits",
    r"reached your specified api usage limits",
    r"prepa(?:id|yment) credits (?:are|have been) (?:depleted|used|exhausted)",
    r"(?:requires|enable) billing to be enabled|billing (?:has not been|is not|not) (?:enabled|active)",
    r"billing account[^.]{0,80} (?:disabled|closed|not active|suspended)",
    r"invalid_payment_instrument|valid payment (?:instrument|method)|add a payment method",
    r"not active, please check your billing",
    r"overdue (?:balance|payment|bill)|failure to pay|past[- ]due invoice|in arrears|account is in good standing",
    r"payment required",
    r"(?:over|exceeded)(?: your| the)? budget|budget has been exceeded",
    r"余额不足|余额已用|欠费|账户余额|请充值|充值后|额度不足|额度已用|额度已耗尽|资源包已用尽|可用资源包",
    r"餘額不足|額度不足|残高が?不足|クレジットが?不足|잔액이? ?부족|크레딧이? ?부족",
    r"guthaben (?:ist )?(?:aufgebraucht|erschöpft|nicht ausreichend|reicht nicht)|(?:unzureichendes|zu wenig) guthaben",
    r"(?:crédits?|solde|fonds) (?:est |sont )?(?:insuffisants?|épuisés?)",
    r"(?:saldo|créditos?|crediti|credito|fondos) insuficientes?|(?:credito|saldo|fondi) insufficient[ei]",
    r"недостаточно (?:средств|кредитов)|onvoldoende (?:saldo|tegoed)|yetersiz bakiye",
)
# "Quota" may be spent for good or for a minute: the first when nothing else in the answer says how long.
QUOTA_WORDS = _any(
    r"exceeded your current (?:token )?quota",
    r"check your plan and billing",
    r"quota (?:is |has been |was )?(?:exceeded|exhausted|used up|not enough|insufficient)",
    r"(?:exceeded|exhausted|reached)(?: \w+){0,3} quota",
    r"api calls / month",
    r"key limit exceeded",  # OpenRouter's cap of a key
    r"(?:额度|配额)(?:超限|已超|用尽|不够)",
)
# What says that a limit is one of speed.
SPEED_WORDS = _any(
    r"per[ _-]?(?:second|minute|hour|day)|/ ?(?:s|sec|min|minute|hour|day)\b|\b[rt]p[mds]\b",
    r"rate[ _-]?limit(?!error)|too many requests|concurren|throttl|slow down",
    r"(?:try|retry|wait)(?: again)? (?:in|after|for|later)|try again|retrydelay|retry_delay",
    r"速率|频率|并发|稍后|请求过多|限流",
)

KEY_NAMES = frozenset(
    {
        "api_key_expired",
        "api_key_invalid",  # Gemini, in a 400
        "apikeyexpired",
        "expired_api_key",
        "expiredtokenexception",
        "incorrect_api_key",
        "invalid_api_key",
        "invalid_authentication_error",  # Moonshot
        "invalid_iam_token",
        "invalidapikey",  # Alibaba
        "key_expired",
        "key_revoked",
        "missing_api_key",
        "revoked_api_key",
        "token_not_found_in_db",  # LiteLLM
        "unrecognizedclientexception",  # Bedrock
    }
)
KEY_WORDS = _any(
    r"(?:invalid|incorrect|wrong|expired|revoked|disabled|missing|unknown|no|valid)(?: \w+){0,2} "
    r"api[ _-]?key\b(?! has)",
    r"api[ _-]?key\b[^.,;]{0,60}? (?:is|was|has been|has|not) ?(?:an? )?"
    r"(?:not |no longer )?(?:valid|invalid|incorrect|expired|revoked|disabled|missing|found|deleted|reported|required|"
    r"provided|blocked|suspended|deactivated|inactive)",
    r"(?:invalid|expired|revoked|incorrect) (?:access|auth\w*|bearer|api|iam|virtual) (?:token|key|credentials?)",
    r"(?:access|api|auth\w*|bearer|security) token\b[^.,;]{0,60}? "
    r"(?:is |was |has been |has )(?:invalid|expired|revoked)",
    r"\bkey (?:has been|was|is|has) (?:revoked|disabled|deleted|deactivated|expired|blocked)|\bkey revoked",
    r"authentication (?:failed|fails|required)|invalid authentication|missing authentication|no auth credentials",
    r"无效的令牌|令牌(?:无效|已过期|已失效|状态不可用)|(?:api ?key|密钥|apikey) ?(?:无效|错误|已失效|已过期|不存在)",
    r"无效的 ?(?:api ?key|密钥)|未提供(?:令牌|密钥)|身份验证失败|鉴权失败|認証に失敗|인증에? ?실패",
    r"(?:api-)?schlüssel (?:ist )?(?:ungültig|abgelaufen|gesperrt)|ungültiger (?:api-)?schlüssel",
    r"clé (?:d'?api |api )?(?:est )?(?:invalide|expirée|révoquée)|clave (?:de )?api (?:no válida|inválida)",
)

NO_MODEL_NAMES = frozenset(
    {
        "deploymentnotfound",  # Azure
        "invalid_model",
        "invalid_model_name",
        "invalidendpointormodel.notfound",  # Volcengine
        "model_decommissioned",  # Groq, in a 400
        "model_deprecated",
        "model_not_available",
        "model_not_exist",
        "model_not_found",
        "model_not_supported",
        "model_permission_blocked_org",  # Groq
        "model_permission_blocked_project",
        "modelnotfound",
        "modelnotopen",
        "unknown_model",
    }
)
# A model with its name; what is said of one of its parameters or formats is not said of it.
_MODEL = (
    r"\bmodels?\b(?: name| id)?:? ?(?:(?!param|setting|value|format|feature|field|option|does |only )\S{1,80} ){0,4}?"
)
NO_MODEL_WORDS = _any(
    rf"{_MODEL}(?:does not|do not|doesn't|not) exist\b",
    rf"{_MODEL}(?:is |was |could |can |are )?not (?:be )?(?:found|available|known|served|deployed)\b",
    rf"{_MODEL}(?:is |are )?not (?:a )?(?:valid|supported)\b(?! (?:format|json|param|with|when|for structured))",
    rf"{_MODEL}(?:is|was|has been|have been|are) (?:now )?"
    r"(?:deprecated|decommissioned|retired|removed|shut down|sunset|discontinued|no longer|archived)",
    r"is not a valid model\b",
    r"(?:invalid|unknown|unsupported|no such|nonexistent) model(?: name| id)?\b(?! (?:output|response|parameter))",
    r"(?:have|has)? ?(?:no|not have|n't have|without) access to (?:the |this )?model",
    r"server is pinned to '[^']*'; requested",  # transformers serve
    r"no models? (?:is |are )?(?:currently )?loaded|please load a model",  # LM Studio
    r"模型(?:[^,，。;；]{0,60})(?:不存在|未找到|已下线|不可用|未开通|无权)|无可用渠道",  # the last: one-api
    r"モデルが?(?:見つかりません|存在しません)|modell [^;]{0,60}(?:existiert nicht|nicht gefunden)",
    r"modèle [^;]{0,60}(?:n'existe pas|introuvable)|modelo [^;]{0,60}(?:no existe|não existe)",
)
# Behind one of these the model, or its server, will be there again.
PASSING_WORDS = _any(
    r"temporar|try again|retry|currently (?:un|not |over|at )|overload|loading|\bbusy\b|capacity|warming|starting up",
    r"稍后|请重试|繁忙",
)

SHUT_OUT_NAMES = frozenset(
    {
        "account_deactivated",
        "account_disabled",
        "account_suspended",
        "blocked_api_access",  # Groq
        "consumer_suspended",  # Google
        "ip_not_authorized",
        "organization_restricted",
        "readonlydisabledsubscription",  # Azure
        "unsupported_country_region_territory",  # OpenAI
    }
)
SHUT_OUT_WORDS = _any(
    r"(?:account|organi[sz]ation|project|subscription|workspace|team)\b[^.;]{0,80}? (?:is|was|has been|have been) "
    r"(?:currently |temporarily |permanently )?"
    r"(?:suspended|disabled|deactivated|blocked|banned|restricted|terminated|locked|not active)",
    r"(?:country|region|territory|location)\b[^.;]{0,40} (?:is |are )?not (?:supported|available|allowed)",
    r"(?:not (?:available|supported)|unavailable)\b[^.;]{0,40} in your (?:country|region|location|area)",
    r"\bip(?: address)?\b[^.;]{0,60} (?:is |was |has been )?"
    r"(?:not (?:allowed|authori[sz]ed|whitelisted)|blocked|banned|denied)",
    r"(?:账号|账户|帐号|帐户|用户|组织)(?:[^,，。]{0,10})(?:封禁|被封|停用|冻结|禁用)",
    r"(?:地区|区域|国家)(?:[^,，。]{0,10})(?:不支持|不可用)",
    r"(?:konto|account) (?:ist |wurde )?gesperrt|compte (?:est )?suspendu",
)

OVERLOAD_NAMES = frozenset(
    {
        "capacity_exceeded",
        "dynamic_request_limited",
        "dynamic_token_limited",
        "overloaded_error",
        "provider_overloaded",
        "rate_limit_exceeded",
        "resource_exhausted",
        "resource_unavailable",  # OpenAI, of flex
        "server_is_overloaded",
        "slow_down",
    }
)

FILTER_NAMES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "data_inspection_failed",  # Alibaba
        "datainspectionfailed",
        "moderation",
        "responsibleaipolicyviolation",  # Azure
    }
)
REFUSAL_NAME = "refusal"
FILTER_WORDS = frozenset(
    {
        "content filter",
        "content management policy",
        "content policy",
        "content_filter",
        "content_policy",
        "flagged",
        "moderation",
    }
)

# The endpoint itself has checked what the model wrote, and it was not the JSON that was asked for.
UNVALIDATED_NAMES = frozenset({"json_validate_failed", "output_parse_failed"})
UNVALIDATED_WORDS = _any(
    r"failed to (?:validate|generate) json|generated json does not match|jsonschemavalidationerror",
    r"(?:model|generated) (?:output|response)[^.;]{0,40} (?:could not be parsed|is not valid json|not valid json)",
)

TOO_LONG_NAMES = frozenset(
    {
        "context_length_exceeded",
        "exceed_context_size_error",
        "request_too_large",
        "string_too_long",
        "token_limit_exceeded",
    }
)
TOO_LONG_WORDS = frozenset(
    {
        "context length",
        "context size",
        "context window",
        "contextwindowexceeded",
        "input token count",
        "prompt is too long",
        "too many input tokens",
    }
)

# A router's 404 for what the request asks of it, and not for the model.
ROUTED_AWAY_WORDS = _any(
    r"no (?:\w+ )?(?:endpoints?|providers?)\b[^;]{0,60} (?:handle|supports?)\b",
    r"no allowed providers?",
)
DATA_POLICY_WORDS = _any(r"data polic|privacy|guardrail|zero data retention|\bzdr\b")

NO_PATH_WORDS = _any(
    r"unexpected endpoint|(?:unknown|invalid|no such) (?:endpoint|path|route|url|request url)|no route",
    r"(?:endpoint|route|path|url|page|file) (?:was )?not found|cannot post|method not allowed|invalid url",
    r"no handler found|no static resource|^not found\.?$|^404:? not found\.?$",
)
