"""Who may do what: every path × method × caller, with the status it must answer. Read it as a table.

Callers: anon nobody · dev bob · ana carol · man dave (team Search) · adm adam · own alice · sup root with
`X-Organization: acme` · kr and kw management keys of Acme with manage:read and manage:write · mal mallory, owner of
Globex, who must not learn that anything of Acme exists.

`{key}` is bob's key in Search, `{ads_key}` a service key of the team Ads, `{manage_key}` a management key.
A route without a row fails the test; a method without a row must be 405.
"""

from dataclasses import dataclass

CALLERS = {
    "anon": "anonymous", "dev": "developer", "ana": "analyst", "man": "manager", "adm": "admin", "own": "owner",
    "sup": "superuser", "kr": "key_read", "kw": "key_write", "mal": "mallory",
}  # fmt: skip

TABLE = """
method path                                    anon dev ana man adm own sup kr  kw  mal
GET    ''                                       200 200 200 200 200 200 200 200 200 200
POST   auth/token                               401 401 401 401 401 401 401 401 401 401
POST   auth/token/refresh                       401 401 401 401 401 401 401 401 401 401
POST   auth/token/revoke                        204 204 204 204 204 204 204 204 204 204
POST   auth/password-reset                      204 204 204 204 204 204 204 204 204 204
POST   auth/password-reset/confirm              404 404 404 404 404 404 404 404 404 404
GET    me                                       401 200 200 200 200 200 200 403 403 200
PATCH  me                                       401 200 200 200 200 200 200 403 403 200
POST   me/password                              401 400 400 400 400 400 400 403 403 400
GET    me/second-factor                         401 200 200 200 200 200 200 403 403 200
POST   me/second-factor                         401 201 201 201 201 201 201 403 403 201
POST   me/second-factor/confirm                 401 409 409 409 409 409 409 403 403 409
POST   me/second-factor/disable                 401 403 403 403 403 403 403 403 403 403
POST   me/recovery-codes                        401 403 403 403 403 403 403 403 403 403
GET    me/sessions                              401 200 200 200 200 200 200 403 403 200
POST   me/sessions/end                          401 200 200 200 200 200 200 403 403 200

GET    organizations                            401 200 200 200 200 200 200 200 200 200
POST   organizations                            401 403 403 403 403 403 201 403 403 403
GET    organizations/{organization}             401 200 200 200 200 200 200 200 200 404
PATCH  organizations/{organization}             401 403 403 403 200 200 200 403 200 404
POST   organizations/{organization}/archive     401 403 403 403 403 200 200 403 403 404

GET    teams                                    401 200 200 200 200 200 200 200 200 200
POST   teams                                    401 403 403 403 201 201 201 403 201 201
GET    teams/{team}                             401 200 200 200 200 200 200 200 200 404
GET    teams/{ads_team}                         401 404 200 404 200 200 200 200 200 404
PATCH  teams/{team}                             401 403 403 403 200 200 200 403 200 404
POST   teams/{team}/archive                     401 403 403 403 409 409 409 403 409 404

GET    projects                                 401 200 200 200 200 200 200 200 200 200
POST   projects                                 401 403 403 403 201 201 201 403 201 400
GET    projects/{project}                       401 200 200 200 200 200 200 200 200 404
GET    projects/{ads_project}                   401 404 200 404 200 200 200 200 200 404
PATCH  projects/{project}                       401 403 403 403 200 200 200 403 200 404
POST   projects/{project}/archive               401 403 403 403 200 200 200 403 200 404

GET    memberships                              401 200 200 200 200 200 200 200 200 200
POST   memberships                              401 403 403 403 409 409 409 403 409 400
GET    memberships/{bob}                        401 200 200 200 200 200 200 200 200 404
GET    memberships/{alice}                      401 404 200 404 200 200 200 200 200 404
PATCH  memberships/{bob}                        401 403 403 403 200 200 200 403 200 404
PATCH  memberships/{alice}                      401 403 403 403 403 409 409 403 403 404
POST   memberships/{bob}/archive                401 403 403 403 200 200 200 403 200 404
POST   memberships/{alice}/archive              401 403 403 403 403 409 409 403 403 404

POST   memberships/{bob}/reset-second-factor    401 403 403 403 403 200 200 403 403 404

GET    invitations                              401 403 403 403 200 200 200 200 200 200
POST   invitations                              401 403 403 403 201 201 201 403 201 201
GET    invitations/{invitation}                 401 403 403 403 200 200 200 200 200 404
DELETE invitations/{invitation}                 401 403 403 403 204 204 204 403 204 404
POST   invitations/accept                       404 404 404 404 404 404 404 403 403 404

GET    scim/v2/ServiceProviderConfig            401 403 403 403 403 403 403 200 200 403
GET    scim/v2/ResourceTypes                    401 403 403 403 403 403 403 200 200 403
GET    scim/v2/ResourceTypes/User               401 403 403 403 403 403 403 200 200 403
GET    scim/v2/Schemas                          401 403 403 403 403 403 403 200 200 403
GET    scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User 401 403 403 403 403 403 403 200 200 403
GET    scim/v2/Users                            401 403 403 403 403 403 403 200 200 403
POST   scim/v2/Users                            401 403 403 403 403 403 403 403 201 403
GET    scim/v2/Users/{bob_user}                 401 403 403 403 403 403 403 200 200 403
PUT    scim/v2/Users/{bob_user}                 401 403 403 403 403 403 403 403 200 403
PATCH  scim/v2/Users/{bob_user}                 401 403 403 403 403 403 403 403 200 403
DELETE scim/v2/Users/{bob_user}                 401 403 403 403 403 403 403 403 204 403
GET    scim/v2/Groups                           401 403 403 403 403 403 403 200 200 403
POST   scim/v2/Groups                           401 403 403 403 403 403 403 403 201 403
GET    scim/v2/Groups/{scim_group}              401 403 403 403 403 403 403 200 200 403
PUT    scim/v2/Groups/{scim_group}              401 403 403 403 403 403 403 403 200 403
PATCH  scim/v2/Groups/{scim_group}              401 403 403 403 403 403 403 403 200 403
DELETE scim/v2/Groups/{scim_group}              401 403 403 403 403 403 403 403 204 403

GET    api-keys                                 401 200 200 200 200 200 200 200 200 200
POST   api-keys                                 401 201 403 201 201 201 201 403 201 400
GET    api-keys/{key}                           401 200 200 200 200 200 200 200 200 404
GET    api-keys/{ads_key}                       401 404 200 404 200 200 200 200 200 404
PATCH  api-keys/{key}                           401 200 403 200 200 200 200 403 200 404
PATCH  api-keys/{ads_key}                       401 404 403 404 200 200 200 403 200 404
PATCH  api-keys/{manage_key}                    401 404 403 404 200 200 200 403 200 404
POST   api-keys/{key}/rotate                    401 201 403 201 201 201 201 403 201 404
POST   api-keys/{ads_key}/rotate                401 404 403 404 201 201 201 403 201 404
POST   api-keys/{key}/revoke                    401 200 403 200 200 200 200 403 200 404
POST   api-keys/{ads_key}/revoke                401 404 403 404 200 200 200 403 200 404

GET    providers                                401 200 200 200 200 200 200 200 200 200
POST   providers                                401 403 403 403 201 201 201 403 201 201
GET    providers/{provider}                     401 200 200 200 200 200 200 200 200 404
PATCH  providers/{provider}                     401 403 403 403 200 200 200 403 200 404
DELETE providers/{provider}                     401 403 403 403 409 409 409 403 409 404
POST   providers/{provider}/test                401 403 403 403 200 200 200 403 200 404
GET    providers/{provider}/health              401 403 200 200 200 200 200 200 200 404
GET    providers/{shared_provider}              401 200 200 200 200 200 200 200 200 200
PATCH  providers/{shared_provider}              401 403 403 403 403 403 200 403 403 403
DELETE providers/{shared_provider}              401 403 403 403 403 403 204 403 403 403

GET    models                                   401 200 200 200 200 200 200 200 200 200
POST   models                                   401 403 403 403 201 201 201 403 201 400
GET    models/{model}                           401 200 200 200 200 200 200 200 200 404
PATCH  models/{model}                           401 403 403 403 200 200 200 403 200 404
DELETE models/{model}                           401 403 403 403 409 409 409 403 409 404
POST   models/discover                          401 403 403 403 502 502 502 403 502 400

GET    routes                                   401 200 200 200 200 200 200 200 200 200
POST   routes                                   401 403 403 403 201 201 201 403 201 400
GET    routes/{route}                           401 200 200 200 200 200 200 200 200 404
PATCH  routes/{route}                           401 403 403 403 200 200 200 403 200 404
DELETE routes/{route}                           401 403 403 403 204 204 204 403 204 404
POST   routes/{route}/simulate                  401 403 403 403 200 200 200 403 200 404

GET    rate-limits                              401 200 200 200 200 200 200 200 200 200
POST   rate-limits                              401 403 403 201 201 201 201 403 201 400
GET    rate-limits/{rate_limit}                 401 404 200 200 200 200 200 200 200 404
GET    rate-limits/{whole_rate_limit}           401 404 200 404 200 200 200 200 200 404
PATCH  rate-limits/{rate_limit}                 401 403 403 200 200 200 200 403 200 404
PATCH  rate-limits/{whole_rate_limit}           401 403 403 404 200 200 200 403 200 404
DELETE rate-limits/{rate_limit}                 401 403 403 204 204 204 204 403 204 404
DELETE rate-limits/{whole_rate_limit}           401 403 403 404 204 204 204 403 204 404
GET    rate-limits/{rate_limit}/usage           401 404 200 200 200 200 200 200 200 404
GET    rate-limits/{whole_rate_limit}/usage     401 404 200 404 200 200 200 200 200 404

GET    guardrails                               401 200 200 200 200 200 200 200 200 200
POST   guardrails                               401 403 403 403 201 201 201 403 201 201
GET    guardrails/{guardrail}                   401 200 200 200 200 200 200 200 200 404
PATCH  guardrails/{guardrail}                   401 403 403 403 200 200 200 403 200 404
DELETE guardrails/{guardrail}                   401 403 403 403 204 204 204 403 204 404
POST   guardrails/{guardrail}/test              401 403 403 403 200 200 200 403 200 404

GET    body-policies                            401 200 200 200 200 200 200 200 200 200
POST   body-policies                            401 403 403 403 201 201 201 403 201 400
GET    body-policies/{body_policy}              401 200 200 200 200 200 200 200 200 404
PATCH  body-policies/{body_policy}              401 403 403 403 200 200 200 403 200 404
DELETE body-policies/{body_policy}              401 403 403 403 204 204 204 403 204 404

GET    cache-policies                           401 200 200 200 200 200 200 200 200 200
POST   cache-policies                           401 403 403 403 201 201 201 403 201 400
GET    cache-policies/{cache_policy}            401 200 200 200 200 200 200 200 200 404
PATCH  cache-policies/{cache_policy}            401 403 403 403 200 200 200 403 200 404
DELETE cache-policies/{cache_policy}            401 403 403 403 204 204 204 403 204 404
POST   cache-policies/{cache_policy}/erase      401 403 403 403 200 200 200 403 200 404

GET    usage-records                            401 200 200 200 200 200 200 200 200 200
GET    usage-records/{request}                  401 200 200 200 200 200 200 200 200 404
GET    usage-records/{line}                     401 200 200 200 200 200 200 200 200 404
GET    usage-records/{ads_request}              401 404 200 404 200 200 200 200 200 404
GET    usage-records/{request}/cost-explanation 401 200 200 200 200 200 200 200 200 404
GET    usage-records/{request}/scores           401 200 200 200 200 200 200 200 200 404
POST   usage-records/{request}/scores           401 201 201 201 201 201 201 403 201 404
GET    usage-records/{ads_request}/scores       401 404 200 404 200 200 200 200 200 404

GET    usage-imports                            401 403 403 403 200 200 200 200 200 200
POST   usage-imports                            401 403 403 403 202 202 202 403 202 400
GET    usage-imports/{import}                   401 403 403 403 200 200 200 200 200 404
GET    usage-imports/{import}/report            401 403 403 403 200 200 200 200 200 404
GET    usage-imports/{import}/rejected          401 403 403 403 200 200 200 200 200 404

GET    usage-records/{request}/bodies           401 403 403 403 404 404 404 404 404 404
DELETE usage-records/{request}/bodies           401 403 403 403 404 404 404 403 404 404

GET    budgets                                  401 200 200 200 200 200 200 200 200 200
POST   budgets                                  401 403 403 201 201 201 201 403 201 400
GET    budgets/usage                            401 200 200 200 200 200 200 200 200 200
POST   budgets/check                            401 200 200 200 200 200 200 403 200 200
POST   budgets/simulate                         401 400 400 200 200 200 200 403 200 400
GET    budgets/{budget}                         401 404 200 200 200 200 200 200 200 404
PATCH  budgets/{budget}                         401 403 403 200 200 200 200 403 200 404
POST   budgets/{budget}/archive                 401 403 403 200 200 200 200 403 200 404
GET    budgets/{budget}/usage                   401 404 200 200 200 200 200 200 200 404
POST   budgets/{budget}/simulate                401 404 200 200 200 200 200 403 200 404
GET    budgets/{whole_budget}                   401 404 200 404 200 200 200 200 200 404
PATCH  budgets/{whole_budget}                   401 403 403 404 200 200 200 403 200 404
POST   budgets/{whole_budget}/archive           401 403 403 404 200 200 200 403 200 404

GET    prices                                   401 200 200 200 200 200 200 200 200 200
GET    prices/{rate}                            401 200 200 200 200 200 200 200 200 200
GET    prices/history                           401 200 200 200 200 200 200 200 200 200
GET    prices/snapshots                         401 200 200 200 200 200 200 200 200 200
POST   prices/refresh                           401 403 403 403 403 403 200 403 403 403
GET    prices/reviews                           401 200 200 200 200 200 200 200 200 200
GET    prices/reviews/{review}                  401 200 200 200 200 200 200 200 200 200
POST   prices/reviews/{review}/decide           401 403 403 403 403 403 200 403 403 403
GET    prices/overrides                         401 403 200 403 200 200 200 200 200 200
POST   prices/overrides                         401 403 403 403 201 201 201 403 201 201
GET    prices/overrides/{override}              401 403 200 403 200 200 200 200 200 404
POST   prices/overrides/{override}/end          401 403 403 403 200 200 200 403 200 404
GET    prices/reprice                           401 403 200 403 200 200 200 200 200 200
POST   prices/reprice                           401 403 403 403 202 202 202 403 202 202
GET    prices/reprice/{repricing}               401 403 200 403 200 200 200 200 200 404
POST   prices/reprice/{repricing}/apply         401 403 403 403 202 202 202 403 202 404
GET    prices/unpriced                          401 403 200 403 200 200 200 200 200 200
GET    prices/settings                          401 403 200 403 200 200 200 200 200 200
PATCH  prices/settings                          401 403 403 403 200 200 200 403 200 200
GET    commitments                              401 403 200 403 200 200 200 200 200 200
POST   commitments                              401 403 403 403 201 201 201 403 201 400
GET    commitments/{commitment}                 401 403 200 403 200 200 200 200 200 404
POST   commitments/{commitment}/end             401 403 403 403 200 200 200 403 200 404
GET    commitments/{commitment}/utilisation     401 403 200 403 200 200 200 200 200 404
GET    exchange-rates                           401 200 200 200 200 200 200 200 200 200
POST   exchange-rates                           401 403 403 403 201 201 201 403 201 201
GET    exchange-rates/{exchange_rate}           401 200 200 200 200 200 200 200 200 404
POST   exchange-rates/upload                    401 403 403 403 201 201 201 403 201 201
POST   cost/estimate                            401 200 200 200 200 200 200 200 200 200
GET    cost-centers                             401 200 200 200 200 200 200 200 200 200
POST   cost-centers                             401 403 403 403 201 201 201 403 201 201
GET    cost-centers/{cost_center}               401 404 200 200 200 200 200 200 200 404
GET    cost-centers/{ads_cost_center}           401 404 200 404 200 200 200 200 200 404
PATCH  cost-centers/{cost_center}               401 403 403 403 200 200 200 403 200 404
POST   cost-centers/{cost_center}/archive       401 403 403 403 409 409 409 403 409 404
GET    allocation-rules                         401 403 200 403 200 200 200 200 200 200
POST   allocation-rules                         401 403 403 403 201 201 201 403 201 400
GET    allocation-rules/{allocation_rule}       401 403 200 403 200 200 200 200 200 404
PATCH  allocation-rules/{allocation_rule}       401 403 403 403 200 200 200 403 200 404
POST   allocation-rules/{allocation_rule}/end   401 403 403 403 200 200 200 403 200 404
POST   cost/allocation                          401 403 200 403 200 200 200 200 200 200
GET    cost/showback/{team}                     401 200 200 200 200 200 200 200 200 404
GET    cost/showback/{ads_team}                 401 404 200 404 200 200 200 200 200 404
POST   cost/exports                             401 202 202 202 202 202 202 202 202 202
GET    admin/cost/optimization/{bob_user}       401 200 200 200 200 200 200 200 200 404
GET    admin/cost/optimization/{alice_user}     401 404 200 404 200 200 200 200 200 404
GET    cost/recommendations                     401 403 200 200 200 200 200 200 200 200
GET    cost/recommendations/summary             401 403 200 200 200 200 200 200 200 200
GET    cost/recommendations/search              401 403 404 404 404 404 404 404 404 404
POST   cost/recommendations/search              401 403 403 403 202 202 202 403 202 202
GET    cost/recommendations/{recommendation}    401 403 200 200 200 200 200 200 200 404
GET    cost/recommendations/{whole_recommendation} 401 403 200 404 200 200 200 200 200 404
GET    cost/recommendations/{recommendation}/realized 401 403 200 200 200 200 200 200 200 404
POST   cost/recommendations/{recommendation}/apply 401 403 403 403 200 200 200 403 200 404
POST   cost/recommendations/{applied_recommendation}/revert 401 403 403 403 200 200 200 403 200 404
POST   cost/recommendations/{recommendation}/dismiss 401 403 403 403 200 200 200 403 200 404
POST   cost/recommendations/{recommendation}/snooze 401 403 403 403 200 200 200 403 200 404
POST   cost/what-if                             401 403 200 403 200 200 200 200 200 200

GET    cost/statements                          401 403 200 403 200 200 200 200 200 200
POST   cost/statements                          401 403 403 403 201 201 201 403 201 201
GET    cost/statements/{statement}              401 403 200 403 200 200 200 200 200 404
POST   cost/statements/{statement}/mail         401 403 403 403 409 409 409 403 409 404
POST   cost/statements/{statement}/lock         401 403 403 403 200 200 200 403 200 404
GET    cost/statements/{statement}/download     401 403 200 403 200 200 200 200 200 404
GET    cost/records                             401 200 200 200 200 200 200 200 200 200
POST   cost/report                              401 200 200 200 200 200 200 200 200 200
POST   cost/breakdown                           401 200 200 200 200 200 200 200 200 200
POST   cost/trends                              401 200 200 200 200 200 200 200 200 200
POST   cost/efficiency                          401 200 200 200 200 200 200 200 200 200
POST   cost/providers/compare                   401 200 200 200 200 200 200 200 200 200
POST   admin/cost/forecast                      401 200 200 200 200 200 200 200 200 200
GET    admin/cost/realtime                      401 200 200 200 200 200 200 200 200 200
POST   admin/cost/anomalies                     401 200 200 200 200 200 200 200 200 200
POST   admin/cost/anomalies/{anomaly}/feedback  401 403 200 200 200 200 200 403 200 404
POST   admin/cost/anomalies/{whole_anomaly}/feedback 401 403 200 404 200 200 200 403 200 404
GET    unit-metrics                             401 403 200 403 200 200 200 200 200 200
POST   unit-metrics                             401 403 403 403 201 201 201 403 201 201
GET    unit-metrics/{unit_metric}               401 403 200 403 200 200 200 200 200 404
PATCH  unit-metrics/{unit_metric}               401 403 403 403 200 200 200 403 200 404
POST   unit-metrics/{unit_metric}/archive       401 403 403 403 200 200 200 403 200 404
GET    unit-metrics/{unit_metric}/values        401 403 200 403 200 200 200 200 200 404
POST   unit-metrics/{unit_metric}/values        401 403 403 403 200 200 200 403 200 404

GET    invoices                                 401 403 200 403 200 200 200 200 200 200
POST   invoices                                 401 403 403 403 201 201 201 403 201 201
GET    invoices/drift-policy                    401 403 200 403 200 200 200 200 200 200
PUT    invoices/drift-policy                    401 403 403 403 200 200 200 403 200 200
GET    invoices/{invoice}                       401 403 200 403 200 200 200 200 200 404
DELETE invoices/{invoice}                       401 403 403 403 204 204 204 403 204 404
POST   invoices/{invoice}/reconcile             401 403 403 403 200 200 200 403 200 404
GET    invoices/{invoice}/reconciliation        401 403 200 403 200 200 200 200 200 404
GET    invoices/{invoice}/download              401 403 200 403 200 200 200 200 200 404

GET    declared-tags                            401 200 200 200 200 200 200 200 200 200
POST   declared-tags                            401 403 403 403 201 201 201 403 201 201
GET    declared-tags/{declared_tag}             401 200 200 200 200 200 200 200 200 404
DELETE declared-tags/{declared_tag}             401 403 403 403 204 204 204 403 204 404

GET    annotations                              401 200 200 200 200 200 200 200 200 200
POST   annotations                              401 403 403 201 201 201 201 403 201 201
GET    annotations/{annotation}                 401 200 200 200 200 200 200 200 200 404
PATCH  annotations/{annotation}                 401 403 403 403 200 200 200 403 200 404
DELETE annotations/{annotation}                 401 403 403 403 204 204 204 403 204 404
GET    annotations/{ads_annotation}             401 404 200 404 200 200 200 200 200 404
PATCH  annotations/{ads_annotation}             401 403 403 404 200 200 200 403 200 404
DELETE annotations/{ads_annotation}             401 403 403 404 204 204 204 403 204 404
GET    alerts                                   401 200 200 200 200 200 200 200 200 200
POST   alerts                                   401 403 403 201 201 201 201 403 201 400
GET    alerts/{alert}                           401 404 200 200 200 200 200 200 200 404
PATCH  alerts/{alert}                           401 403 403 200 200 200 200 403 200 404
DELETE alerts/{alert}                           401 403 403 204 204 204 204 403 204 404
GET    alerts/{alert}/events                    401 404 200 200 200 200 200 200 200 404
POST   alerts/{alert}/test                      401 403 403 200 200 200 200 403 200 404
POST   alerts/{alert}/acknowledge               401 403 403 409 409 409 409 403 409 404
GET    alerts/{whole_alert}                     401 404 200 404 200 200 200 200 200 404
PATCH  alerts/{whole_alert}                     401 403 403 404 200 200 200 403 200 404
DELETE alerts/{whole_alert}                     401 403 403 404 204 204 204 403 204 404

POST   admin/analytics/query                    401 200 200 200 200 200 200 200 200 200
POST   admin/analytics/advanced                 401 200 200 200 200 200 200 200 200 200
POST   admin/analytics/cost                     401 200 200 200 200 200 200 200 200 200
POST   admin/analytics/performance              401 200 200 200 200 200 200 200 200 200
POST   admin/analytics/anomalies                401 200 200 200 200 200 200 200 200 200
GET    admin/analytics/anomalies/settings       401 200 200 200 200 200 200 200 200 200
PATCH  admin/analytics/anomalies/settings       401 403 403 403 200 200 200 403 200 200
GET    admin/analytics/anomalies/{anomaly}      401 404 200 200 200 200 200 200 200 404
POST   admin/analytics/anomalies/{anomaly}/state 401 403 200 200 200 200 200 403 200 404
GET    admin/analytics/anomalies/{whole_anomaly} 401 404 200 404 200 200 200 200 200 404
POST   admin/analytics/anomalies/{whole_anomaly}/state 401 403 200 404 200 200 200 403 200 404
GET    admin/token-usage                        401 200 200 200 200 200 200 200 200 200
GET    admin/token-usage/user/{bob_user}        401 200 200 200 200 200 200 200 200 404
GET    admin/token-usage/user/{alice_user}      401 404 200 404 200 200 200 200 200 404
GET    admin/token-usage/model/{model}          401 200 200 200 200 200 200 200 200 404
GET    admin/provider-health                    401 200 200 200 200 200 200 200 200 200
GET    admin/dashboard                          401 200 200 200 200 200 200 200 200 200
GET    admin/dashboard/realtime                 401 200 200 200 200 200 200 200 200 200
GET    admin/dashboard/stream                   401 200 200 200 200 200 200 200 200 200
GET    analytics/users/{bob_user}               401 200 200 200 200 200 200 200 200 404
GET    analytics/users/{alice_user}             401 404 200 404 200 200 200 200 200 404
POST   analytics/forecast                       401 200 200 200 200 200 200 200 200 200
POST   analytics/predictive                     401 200 200 200 200 200 200 200 200 200
POST   analytics/users                          401 200 200 200 200 200 200 200 200 200
GET    admin/reconciliation                     401 403 403 403 403 403 200 403 403 403
POST   analytics/security                       401 403 200 403 200 200 200 200 200 200
POST   analytics/compliance                     401 403 200 403 200 200 200 200 200 200
POST   analytics/models                         401 200 200 200 200 200 200 200 200 200
GET    analytics/models/{model}                 401 200 200 200 200 200 200 200 200 404
POST   analytics/models/compare                 401 200 200 200 200 200 200 200 200 200
POST   analytics/providers/compare              401 200 200 200 200 200 200 200 200 200

GET    analytics/exports                        401 200 200 200 200 200 200 200 200 200
POST   analytics/exports                        401 202 202 202 202 202 202 202 202 202
GET    analytics/exports/{export}               401 404 404 404 200 200 200 200 200 404
GET    analytics/exports/{export}/download      401 404 404 404 409 409 409 409 409 404
POST   analytics/exports/{export}/cancel        401 404 404 404 200 200 200 200 200 404

GET    reports                                  401 403 200 200 200 200 200 200 200 200
POST   reports                                  401 403 403 201 201 201 201 403 201 400
GET    reports/templates                        401 403 200 200 200 200 200 200 200 200
GET    reports/{report}                         401 403 200 200 200 200 200 200 200 404
GET    reports/{whole_report}                   401 403 200 404 200 200 200 200 200 404
PATCH  reports/{report}                         401 403 403 200 200 200 200 403 200 404
PATCH  reports/{whole_report}                   401 403 403 404 200 200 200 403 200 404
DELETE reports/{report}                         401 403 403 204 204 204 204 403 204 404
DELETE reports/{whole_report}                   401 403 403 404 204 204 204 403 204 404
POST   reports/{report}/run                     401 403 202 202 202 202 202 403 202 404
POST   reports/{whole_report}/run               401 403 202 404 202 202 202 403 202 404
GET    reports/{report}/runs                    401 403 200 200 200 200 200 200 200 404
GET    reports/{whole_report}/runs              401 403 200 404 200 200 200 200 200 404
GET    reports/runs                             401 403 200 200 200 200 200 200 200 200
GET    reports/runs/{report_run}                401 403 200 200 200 200 200 200 200 404
GET    reports/runs/{report_run}/download       401 403 409 409 409 409 409 409 409 404
POST   reports/runs/{report_run}/deliveries/{delivery}/send-again 401 403 403 409 409 409 409 403 409 404

POST   fine-tuning/estimate-cost                401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/templates                    401 200 200 200 200 200 200 200 200 200
POST   fine-tuning/templates/tone/create-job    401 201 403 201 201 201 201 403 201 400
GET    fine-tuning/recommendations              401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/sunsets                      401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/analytics                    401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/compare/gpt-4o/gpt-4o        401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/evaluations                  401 200 200 200 200 200 200 200 200 200
POST   fine-tuning/evaluations                  401 202 403 202 202 202 202 403 202 400
GET    fine-tuning/evaluations/{evaluation}     401 200 200 200 200 200 200 200 200 404
POST   fine-tuning/evaluations/{evaluation}/cancel 401 200 403 200 200 200 200 403 200 404
GET    fine-tuning/evaluations/{evaluation}/items 401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/recordings                   401 200 200 200 200 200 200 200 200 200
POST   fine-tuning/recordings                   401 202 403 202 202 202 202 403 202 400
GET    fine-tuning/recordings/{recording}       401 200 200 200 200 200 200 200 200 404
POST   fine-tuning/recordings/{recording}/cancel 401 200 403 200 200 200 200 403 200 404
GET    fine-tuning/models                       401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/models/{tuned_model}         401 200 200 200 200 200 200 200 200 404
POST   fine-tuning/models/{tuned_model}/deploy  401 403 403 403 200 200 200 403 200 404
POST   fine-tuning/models/{tuned_model}/withdraw 401 403 403 403 409 409 409 403 409 404
GET    fine-tuning/cost-breakdown               401 200 200 200 200 200 200 200 200 200
GET    fine-tuning/files                        401 200 200 200 200 200 200 200 200 200
POST   fine-tuning/files                        401 201 403 201 201 201 201 403 201 400
GET    fine-tuning/files/{tuning_file}          401 200 200 200 200 200 200 200 200 404
DELETE fine-tuning/files/{tuning_file}          401 204 403 204 204 204 204 403 204 404
GET    fine-tuning/files/{ads_tuning_file}      401 404 200 404 200 200 200 200 200 404
DELETE fine-tuning/files/{ads_tuning_file}      401 404 403 404 204 204 204 403 204 404
GET    fine-tuning/files/{tuning_file}/content  401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/files/{tuning_file}/versions 401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/files/{tuning_file}/diff     401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/files/{tuning_file}/report   401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/files/{ads_tuning_file}/content 401 404 200 404 200 200 200 200 200 404
POST   fine-tuning/files/from-traffic           401 409 403 409 409 409 409 403 409 400
POST   fine-tuning/files/uploads                401 201 403 201 201 201 201 403 201 400
GET    fine-tuning/files/uploads/{tuning_upload} 401 200 403 200 200 200 200 200 200 404
DELETE fine-tuning/files/uploads/{tuning_upload} 401 204 403 204 204 204 204 403 204 404
PUT    fine-tuning/files/uploads/{tuning_upload}/parts/1 401 200 403 200 200 200 200 403 200 404
POST   fine-tuning/files/uploads/{tuning_upload}/complete 401 409 403 409 409 409 409 403 409 404
GET    fine-tuning/files/runs/{file_run}        401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/files/runs/{ads_file_run}    401 404 200 404 200 200 200 200 200 404
POST   fine-tuning/validate-data/{tuning_file}  401 200 403 200 200 200 200 403 200 404
POST   fine-tuning/validate-data/{ads_tuning_file} 401 404 403 404 200 200 200 403 200 404
POST   fine-tuning/optimize-data/{tuning_file}  401 201 403 201 201 201 201 403 201 404
GET    fine-tuning/jobs                         401 200 200 200 200 200 200 200 200 200
POST   fine-tuning/jobs                         401 201 403 201 201 201 201 403 201 400
POST   fine-tuning/jobs/search                  401 200 200 200 200 200 200 403 200 200
GET    fine-tuning/jobs/{job}                   401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{ads_job}               401 404 200 404 200 200 200 200 200 404
DELETE fine-tuning/jobs/{job}                   401 409 403 409 409 409 409 403 409 404
DELETE fine-tuning/jobs/{finished_job}          401 204 403 204 204 204 204 403 204 404
POST   fine-tuning/jobs/{job}/cancel            401 200 403 200 200 200 200 403 200 404
POST   fine-tuning/jobs/{finished_job}/cancel   401 409 403 409 409 409 409 403 409 404
POST   fine-tuning/jobs/{job}/pause             401 409 403 409 409 409 409 403 409 404
POST   fine-tuning/jobs/{job}/resume            401 409 403 409 409 409 409 403 409 404
POST   fine-tuning/jobs/{finished_job}/sync     401 200 403 200 200 200 200 403 200 404
GET    fine-tuning/jobs/{job}/events            401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{job}/checkpoints       401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{job}/metrics           401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{job}/insights          401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{ads_job}/insights      401 404 200 404 200 200 200 200 200 404
GET    fine-tuning/jobs/{job}/export            401 200 200 200 200 200 200 200 200 404
GET    fine-tuning/jobs/{ads_job}/export        401 404 200 404 200 200 200 200 200 404
GET    fine-tuning/jobs/{runner_job}/runner-bundle 401 400 403 400 400 400 400 400 400 404
POST   fine-tuning/jobs/{runner_job}/runner-token 401 201 403 201 201 201 201 403 201 404
POST   fine-tuning/jobs/{runner_job}/events     401 401 401 401 401 401 401 401 401 401

GET    sdk/languages                            401 200 200 200 200 200 200 200 200 200
POST   sdk/generate                             401 202 202 202 202 202 202 202 202 202
GET    sdk/builds/{sdk_build}                   401 404 404 404 200 200 200 200 200 404
GET    sdk/builds/{sdk_build}/download          401 404 404 404 409 409 409 409 409 404
POST   sdk/validate                             401 200 200 200 200 200 200 200 200 200
POST   sdk/playground                           401 201 403 201 201 201 201 403 403 400
GET    sdk/playground/{playground}              401 200 404 404 404 404 200 404 404 404
DELETE sdk/playground/{playground}              401 204 404 404 404 404 204 403 404 404
POST   sdk/custom-client                        401 202 202 202 202 202 202 202 202 202
GET    sdk/documentation/{sdk_language}         401 200 200 200 200 200 200 200 200 200
GET    sdk/documentation/{sdk_language}/llms.txt 401 200 200 200 200 200 200 200 200 200
GET    sdk/documentation/{sdk_language}/types/Model 401 200 200 200 200 200 200 200 200 200
GET    sdk/examples/{sdk_language}              401 200 200 200 200 200 200 200 200 200
GET    sdk/changelog/{sdk_language}             401 200 200 200 200 200 200 200 200 200
POST   sdk/migration-guide                      401 200 200 200 200 200 200 200 200 200
POST   sdk/analytics                            401 403 200 403 200 200 200 200 200 200
GET    sdk/benchmarks/python                    401 200 200 200 200 200 200 200 200 200
GET    sdk/support/js                           401 200 200 200 200 200 200 200 200 200

GET    audit-events                             401 403 403 403 200 200 200 200 200 200
GET    audit-events/{event}                     401 403 403 403 200 200 200 200 200 404
GET    audit-events/verify                      401 403 403 403 200 200 200 200 200 200
GET    audit-events/export                      401 403 403 403 200 200 200 200 200 200

GET    end-user-erasures                        401 403 403 403 200 200 200 200 200 200
POST   end-user-erasures                        401 403 403 403 202 202 202 403 202 202
GET    end-user-erasures/{erasure}              401 403 403 403 200 200 200 200 200 404
POST   end-user-erasures/look                   401 403 403 403 200 200 200 403 200 200
GET    retention                                401 200 200 200 200 200 200 200 200 200
PATCH  retention                                401 403 403 403 200 200 200 403 200 200
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One path and method; `expected`: caller → status."""

    method: str
    path: str
    expected: dict[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> list[Row]:
    """The table, parsed."""
    lines = [line.split() for line in TABLE.splitlines() if line.strip()]
    head, found = lines[0], []
    for method, path, *statuses in lines[1:]:
        assert len(statuses) == len(CALLERS), f"{method} {path}"
        expected = {CALLERS[name]: int(status) for name, status in zip(head[2:], statuses, strict=True)}
        found.append(Row(method, path.strip("'"), expected))
    return found
