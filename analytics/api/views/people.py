"""People: one, or several."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.answers import people, subjects
from analytics.api.serializers.people import PeopleQuerySerializer, UserAnalyticsSerializer, UsersAnalyticsSerializer
from analytics.api.serializers.questions import LooseWindowSerializer, query_of
from analytics.api.views.base import AnalyticsView, answers
from analytics.api.views.overview import found


class PersonView(AnalyticsView):
    """One person."""

    @extend_schema(
        operation_id="analytics_user", parameters=[LooseWindowSerializer], responses=answers(UserAnalyticsSerializer)
    )
    def get(self, request: Request, user_id: str) -> Response:
        """How much, when, with which models, how fast, and what changed against the window before."""
        asked = self.parameters(LooseWindowSerializer)
        questions = self.questions()
        subject = found(subjects.person(request.user, questions.organization, user_id))
        body = people.person(questions, query_of(asked, questions.organization, measures=()), subject)
        return self.answer(body, UserAnalyticsSerializer, asked["end"])


class PeopleView(AnalyticsView):
    """Several people."""

    @extend_schema(
        operation_id="analytics_users", request=PeopleQuerySerializer, responses=answers(UsersAnalyticsSerializer)
    )
    def post(self, request: Request) -> Response:
        """The same of several people, those with most requests first."""
        asked = self.asked(PeopleQuerySerializer)
        questions = self.questions()
        query = query_of(asked, questions.organization, measures=())
        body = people.people(questions, query, users=asked["users"], with_pattern=asked["include_pattern"])
        return self.answer(body, UsersAnalyticsSerializer, asked["end"])
